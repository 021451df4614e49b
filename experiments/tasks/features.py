"""Features of one set of images by one feature network, extracted once, for every measure that rests on them."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BeforeValidator
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from experiments import launch
from experiments.collectives import collected, mine
from experiments.device import alone
from experiments.features.network import loaded
from experiments.fields import FeatureOf
from experiments.graph.files import write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import encode, value
from experiments.problems import Failed, Problem

FILE = "features.safetensors"
SETS = {  # by their place, so that the code behind features is that of their own set alone
    "sample": "experiments.tasks.sample:Sample",
    "test-set": "experiments.tasks.baselines:TestSet",
    "training-set": "experiments.tasks.training_set:TrainingSet",
    "npz": "experiments.tasks.npz:Npz",
}


def as_set(given: Any) -> Any:
    """A set of images, or the one that {"is": its name, **its fields} stands for. ValueError for what has no images."""
    if isinstance(given, dict):
        if given.get("is") not in SETS:
            raise ValueError(f'say which set: {{"is": one of {", ".join(SETS)}, ...}}')
        module, _, name = SETS[given["is"]].partition(":")
        return getattr(import_module(module), name)(**{key: held for key, held in given.items() if key != "is"})
    if not callable(getattr(given, "images", None)):
        raise ValueError(f"{given!r} has no images: give a Sample, TestSet, TrainingSet, Npz, or a value with `images`")
    return given


ImageSet = Annotated[Any, BeforeValidator(as_set)]


@value
class Features(Task):
    """features (n, d), logits (n, c) where the network has a head, and label (n,) where the set has labels, as safetensors.

    samples: the set: Sample, TestSet, TrainingSet, Npz, or any value with `images(store)` -> bytes (n, h, w, 1 or 3) and labels.
    dtype: of what is kept; float16 halves the file, and is refused where it overflows.
    """

    name: ClassVar[str] = "features"
    files: ClassVar[tuple[str, ...]] = (FILE, "card.json")
    shared: ClassVar[bool] = True
    samples: ImageSet
    network: FeatureOf
    dtype: Literal["float32", "float16"] = "float32"

    @property
    def title(self) -> str:
        return f"{self.network.label} features of {getattr(self.samples, 'title', self.samples.name)}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        parts = collected(lambda: self._extracted(store, device))
        if launch.rank():
            return
        found, label = [rows for rows, _ in parts if rows], parts[0][1]
        arrays = {name: np.concatenate([rows[name] for rows in found]) for name in found[0]}
        with np.errstate(over="ignore"):
            kept = {name: held.astype(self.dtype) for name, held in arrays.items()}
        for name, held in kept.items():
            if not np.isfinite(held).all():
                why = "float16 overflows: take float32" if np.isfinite(arrays[name]).all() else "the images or the network"
                raise Failed(f"{self.title}: {name} are not finite ({why})")
        save_file(kept | ({} if label is None else {"label": np.asarray(label, dtype=np.int64)}), folder / FILE)
        write_json(
            folder / "card.json", {"label": self.network.label, **self.network.card(), "network_value": encode(self.network)}
        )

    def _extracted(self, store: Store, device: str) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """This rank's rows of features and logits, none where it has no image; and every label."""
        images, label = self.samples.images(store)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise Failed(f"{self.title}: a feature network takes images of 1 or 3 channels, not {images.dtype} {images.shape}")
        own = mine(len(images), self.network.batch)
        if not own and len(images):
            return {}, label
        with alone(device):
            features, logits = extract(loaded(self.network, device), images[own.start : own.stop], self.network.batch, device)
        return {"features": features} | ({} if logits is None else {"logits": logits}), label

    def arrays(self, store: Store) -> dict[str, np.ndarray]:
        """features, logits, label by name, those that there are. Problem if the run is not whole."""
        return read_arrays(store.open(self) / FILE)


def extract(network: Any, images: np.ndarray, batch: int, device: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Features and logits, float32, of bytes (n, h, w, c). ValueError where the network returns something else."""
    features, logits = [], []
    for start in range(0, len(images), batch):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + batch])).permute(0, 3, 1, 2).to(device)
        found, own = network(part)
        if found.ndim != 2 or len(found) != len(part) or (own is not None and len(own) != len(part)):
            raise ValueError(f"the feature network made {tuple(found.shape)} of {len(part)} images: one row each is needed")
        features.append(found.float().cpu().numpy())
        logits.append(None if own is None else own.float().cpu().numpy())
    return np.concatenate(features), None if logits[0] is None else np.concatenate(logits)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. Problem for a file that is none."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise Problem(f"{path} cannot be read: {error}") from error
