"""The training images of a world, as the reference of features."""

from typing import Any, ClassVar

import numpy as np

from experiments.fields import Size, WorldOf
from experiments.graph.value import value
from experiments.tasks.images import to_uint8
from experiments.worlds.world import data


@value
class TrainingSet:
    """The training images of a world, or n of them, evenly spread over the set."""

    name: ClassVar[str] = "training-set"
    world: WorldOf
    n: Size | None = None

    @property
    def title(self) -> str:
        return f"{'the' if self.n is None else f'{self.n:,}'} training images of {self.world.label}"

    def images(self, store: Any) -> tuple[np.ndarray, np.ndarray]:
        found = data(self.world).train
        chosen = spread(len(found.x), self.n)
        return to_uint8(found.x[chosen]), found.label[chosen].numpy()


def spread(total: int, n: int | None) -> slice | np.ndarray:
    """The indices of n rows of `total`, evenly spread; all of them where there are no more."""
    return slice(None) if n is None or n >= total else np.arange(n) * total // n
