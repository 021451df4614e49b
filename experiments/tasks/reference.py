"""What features are compared with: moments of a whole reference set, and some of its features with the radii of their balls."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator
from safetensors.numpy import save_file

from analysis.measures.some_rows import some_rows
from experiments.features.files import require_sha256
from experiments.fields import Count, FeatureOf
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.tasks.features import Features, read_arrays
from experiments.tasks.npz import Sha256, read_npz

FILE = "reference.safetensors"
STATISTICS_OF = "inception"  # the layer that the mu and sigma of published .npz files are of


@value
class Statistics:
    """mu and sigma of Inception's pooled features in an .npz, instead of those of the reference images that it holds."""

    name: ClassVar[str] = "statistics"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    file: str
    sha256: Sha256

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance. Problem for another file."""
        require_sha256(Path(self.file), self.sha256)
        found = read_npz(Path(self.file), ("mu", "sigma"))
        return found["mu"], found["sigma"]


@value
class Reference(Task):
    """mean, cov, neighbours (m, d), their radii and, where the set has labels, those: of the features of a set, made once for all
    that is compared with it.

    neighbours: at most so many rows for whatever needs rows (`some_rows`). statistics: whose mean and covariance to take
    instead (VIRTUAL_imagenet64_labeled.npz has those of all training images beside 10,000 images).
    """

    name: ClassVar[str] = "reference"
    files: ClassVar[tuple[str, ...]] = (FILE,)
    features: Features
    k: Count = 3
    neighbours: Count = 10_000
    statistics: Statistics | None = None

    @property
    def title(self) -> str:
        return f"reference: {self.features.title}"

    @property
    def network(self) -> Any:
        return self.features.network

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.measures.features import FeatureReference
        from analysis.measures.moments import Moments, moments_of

        arrays = self.features.arrays(store)
        features = arrays["features"]
        if self.statistics is None:
            moments = moments_of(features)
        elif self.network.label != STATISTICS_OF:
            raise Problem(
                f"{self.statistics.file}: mu and sigma are of Inception, and cannot be compared with {self.network.label}"
            )
        else:
            moments = Moments(*self.statistics.read())
        chosen = some_rows(len(features), self.neighbours)
        made = FeatureReference.of(moments, features[chosen], self.k)
        kept = {"mean": moments.mean, "cov": moments.cov, "neighbours": made.neighbours, "radii": made.radii}
        label = {"label": np.ascontiguousarray(arrays["label"][chosen])} if "label" in arrays else {}
        save_file({name: np.ascontiguousarray(held) for name, held in kept.items()} | label, folder / FILE)

    def load(self, store: Store) -> Any:
        """analysis.measures.features.FeatureReference. Problem if the run is not whole."""
        return _read(store.open(self) / FILE, store.seal(self), self.k)


@value
class StoredReference:
    """A reference.safetensors that somebody else made of a network, as a package ships it beside its weights."""

    name: ClassVar[str] = "stored-reference"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    file: str
    sha256: Sha256
    network: FeatureOf
    k: Count = 3

    def load(self, store: Store) -> Any:
        """analysis.measures.features.FeatureReference. Problem for another file."""
        require_sha256(Path(self.file), self.sha256)
        return _read(Path(self.file), self.sha256, self.k)


REFERENCES = {"reference": Reference, "stored-reference": StoredReference}


def as_reference(given: Any) -> Any:
    """A reference, or the one that {"is": its name, **its fields} stands for. ValueError for anything else."""
    if isinstance(given, dict):
        if given.get("is") not in REFERENCES:
            raise ValueError(f'say which reference: {{"is": one of {", ".join(REFERENCES)}, ...}}')
        return REFERENCES[given["is"]](**{key: held for key, held in given.items() if key != "is"})
    if not isinstance(given, tuple(REFERENCES.values())):
        raise ValueError(f"{given!r} is no reference of features: give a Reference or a StoredReference")
    return given


ReferenceOf = Annotated[Any, BeforeValidator(as_reference)]


@lru_cache(maxsize=2)
def _read(path: Path, seal: str, k: int) -> Any:
    """Read once a process for many cells; another seal, another reference."""
    from analysis.measures.features import FeatureReference
    from analysis.measures.moments import Moments

    arrays = read_arrays(path)
    if lacking := {"mean", "cov", "neighbours"} - set(arrays):
        raise Problem(f"{path} has no {sorted(lacking)[0]}: it is no reference")
    try:
        moments, rows, label = Moments(arrays["mean"], arrays["cov"]), arrays["neighbours"], arrays.get("label")
        if "radii" not in arrays:
            return FeatureReference.of(moments, rows, k, label)
        radii = arrays["radii"].astype(np.float64)
        return FeatureReference(moments=moments, neighbours=rows, radii=radii, k=k, label=label)
    except ValueError as error:
        raise Problem(f"{path}: {error}") from error
