"""Sets of data that no method made, to be measured as a baseline: test images, and draws of the exact model."""

from typing import Any, ClassVar

import numpy as np
import torch

from experiments.fields import Seed, Size, WorldOf
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.tasks.densities import tilted
from experiments.tasks.images import as_bytes
from experiments.worlds.world import data
from guidance.noise import cpu_generator


@value
class TestSet:
    """The test images of a world."""

    name: ClassVar[str] = "test-set"
    world: WorldOf

    def images(self, store: Store) -> tuple[np.ndarray, np.ndarray]:
        found = data(self.world).test
        return as_bytes(found.x), found.label.numpy()


@value
class Draws:
    """n draws of the exact model, labels balanced; in the plane, where w is given, of its density tilted with w."""

    name: ClassVar[str] = "draws"
    world: WorldOf
    n: Size
    seed: Seed
    w: float | None = None

    def images(self, store: Store) -> tuple[np.ndarray, np.ndarray]:
        return draws(self.world, self.n, self.w, self.seed)


def draws(world: Any, n: int, w: float | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x (n, *shape) and label (n,), balanced."""
    label = np.arange(n) % world.classes
    if w is None:
        g = cpu_generator("draws", seed)
        return data(world).oracle.sample(torch.from_numpy(label), g).float().numpy().reshape(n, *world.shape), label
    x = np.empty((n, 2), dtype=np.float32)
    for c in range(world.classes):
        g = np.random.default_rng([2**10 + seed, c])  # [0, 0] would be default_rng(0), which splits data
        x[label == c] = tilted(world, c, w).sample(int((label == c).sum()), g)
    return x, label
