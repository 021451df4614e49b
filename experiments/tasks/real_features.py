"""What an evaluator makes of the real images of its world: what samples are compared with, without the images."""

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import BeforeValidator
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

from analysis.files import write_atomically
from analysis.measures.some_rows import some_rows
from analysis.metrics import MAX_PIXELS
from experiments.features.files import require_sha256
from experiments.fields import Count, WorldOf
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.shipped import located
from experiments.tasks.evaluating import evaluate, pixel_moments
from experiments.tasks.images import as_bytes
from experiments.tasks.npz import Sha256
from experiments.tasks.train import Train
from experiments.worlds.pixels import Pixels
from experiments.worlds.world import data

FILE = "real.safetensors"


class Evaluated(NamedTuple):
    """The evaluator's features (n, d) and logits (n, c), float64, of test images, and their labels (n,)."""

    features: np.ndarray
    logits: np.ndarray
    label: np.ndarray


@value
class RealFeatures(Task):
    """mean and cov of the features of all training images, `neighbours` rows of them (`some_rows`), with their labels;
    features, logits and labels of the first `test` test images; and mean and covariance of the training images' pixels, where
    these are not too many.
    """

    name: ClassVar[str] = "real-features"
    files: ClassVar[tuple[str, ...]] = (FILE,)
    evaluator: Train
    neighbours: Count = 5000
    test: Count = 2000

    @property
    def title(self) -> str:
        return f"the evaluator's features of {self.evaluator.world.label}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.measures.moments import moments_of

        network, held = self.evaluator.load(store, device), data(self.evaluator.world)
        train = as_pixels(held.train.x)
        features, _ = evaluate(network, train, device)
        own, logits = evaluate(network, as_pixels(held.test.subset(slice(self.test)).x), device)
        rows = some_rows(len(features), self.neighbours)
        moments, few = moments_of(features), np.prod(train.shape[1:]) <= MAX_PIXELS
        pixels = dict(zip(("pixel_mean", "pixel_cov"), pixel_moments(train))) if few else {}
        arrays = {
            "mean": moments.mean,
            "cov": moments.cov,
            "neighbours": features[rows],
            "neighbours_label": held.train.label.numpy()[rows],
            "test_features": own,
            "test_logits": logits,
            "test_label": held.test.label[: self.test].numpy(),
        }
        save_file({name: np.ascontiguousarray(array) for name, array in {**arrays, **pixels}.items()}, folder / FILE)

    def arrays(self, store: Store) -> dict[str, np.ndarray]:
        """The arrays by name. Problem if the run is not whole."""
        return load_file(store.open(self) / FILE)

    def evaluated(self, store: Store) -> Evaluated:
        """The test images, as the evaluator sees them."""
        return evaluated(self.arrays(store))


@value
class StoredFeatures:
    """A file of RealFeatures that somebody else made, as it ships beside an evaluator's weights."""

    name: ClassVar[str] = "stored-features"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    world: WorldOf
    file: str
    sha256: Sha256

    def arrays(self, store: Store) -> dict[str, np.ndarray]:
        """The arrays by name, in float64. Problem for another file."""
        path = located(self.file)
        require_sha256(path, self.sha256)
        found = {name: array.astype(np.float64) if array.dtype != np.int64 else array for name, array in load_file(path).items()}
        if lacking := {"mean", "cov", "neighbours", "test_features", "test_logits", "test_label"} - set(found):
            raise Problem(f"{path} has no {sorted(lacking)[0]}: it holds no features of real images")
        return found

    def evaluated(self, store: Store) -> Evaluated:
        """The test images, as the evaluator sees them."""
        return evaluated(self.arrays(store))

    def card(self) -> tuple[dict[str, str], int]:
        """The card of the images, and the number of those to train on, out of the file's header."""
        path = located(self.file)
        require_sha256(path, self.sha256)
        with safe_open(path, "np") as held:
            header = held.metadata()
        return json.loads(header["card"]), int(header["train_size"])


def export(real: RealFeatures, store: Store, file: Path) -> None:
    """Writes a file of StoredFeatures: rows in float16, moments in float64, no pixels; the card in the header."""
    held = data(real.evaluator.world)
    arrays = {name: array for name, array in real.arrays(store).items() if not name.startswith("pixel")}
    half = {"neighbours", "test_features", "test_logits"}
    kept = {name: array.astype(np.float16) if name in half else array for name, array in arrays.items()}
    if beyond := [name for name, array in kept.items() if not np.isfinite(array).all()]:
        raise Problem(f"{beyond[0]} goes beyond float16")
    header = {"card": json.dumps(held.card), "train_size": str(len(held.train.x)), "run": real.address}
    write_atomically(file, save(kept, header))


def as_pixels(x: Any) -> Pixels:
    """Images as the bytes that samples are too."""
    return x if isinstance(x, Pixels) else Pixels(as_bytes(x).transpose(0, 3, 1, 2))


def evaluated(arrays: dict[str, np.ndarray]) -> Evaluated:
    """What the arrays hold of test images."""
    return Evaluated(arrays["test_features"], arrays["test_logits"], arrays["test_label"])


def reference_of(arrays: dict[str, np.ndarray]) -> Any:
    """analysis.measures.images.Reference of the training images."""
    from analysis.measures.images import Reference
    from analysis.measures.moments import Moments

    pixels = (arrays["pixel_mean"], arrays["pixel_cov"]) if "pixel_mean" in arrays else None
    moments, label = Moments(arrays["mean"], arrays["cov"]), arrays.get("neighbours_label")  # shipped files have none
    return Reference(features=arrays["neighbours"], of_features=moments, moments=pixels, label=label)


REAL = {"real-features": RealFeatures, "stored-features": StoredFeatures}


def as_real(given: Any) -> Any:
    """Features of real images, or those that {"is": their name, **their fields} stands for. ValueError for anything else."""
    if isinstance(given, dict):
        if given.get("is") not in REAL:
            raise ValueError(f'say which features: {{"is": one of {", ".join(REAL)}, ...}}')
        return REAL[given["is"]](**{key: held for key, held in given.items() if key != "is"})
    if not isinstance(given, tuple(REAL.values())):
        raise ValueError(f"{given!r} holds no features of real images: give RealFeatures or StoredFeatures")
    return given


RealOf = Annotated[Any, BeforeValidator(as_real)]
