"""The training images of a world, as the reference of features."""

from typing import Any, ClassVar

import numpy as np

from analysis.measures.some_rows import some_rows
from experiments.fields import Size, WorldOf
from experiments.graph.value import value
from experiments.tasks.images import to_uint8
from experiments.worlds.pixels import Pixels
from experiments.worlds.world import data


@value
class TrainingSet:
    """The training images of a world, or n of them (`some_rows`)."""

    name: ClassVar[str] = "training-set"
    world: WorldOf
    n: Size | None = None

    @property
    def title(self) -> str:
        return f"{'the' if self.n is None else f'{self.n:,}'} training images of {self.world.label}"

    def images(self, store: Any) -> "tuple[np.ndarray | Bytes, np.ndarray]":
        """Bytes (n, h, w, c), those of images that are kept as bytes only where they are sliced; and label (n,)."""
        found = data(self.world).train
        found = found.subset(some_rows(len(found.x), self.n)) if self.n else found
        return Bytes(found.x) if isinstance(found.x, Pixels) else to_uint8(found.x), found.label.numpy()


class Bytes:
    """Pixels in the form of an array of bytes (n, h, w, c), read where it is sliced and nowhere else."""

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, x: Pixels):
        self.x = x

    @property
    def shape(self) -> tuple[int, int, int, int]:
        n, channels, height, width = self.x.shape
        return n, height, width, channels

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.x.bytes(rows).transpose(0, 2, 3, 1)
