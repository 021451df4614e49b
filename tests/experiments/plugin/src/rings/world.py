"""Two worlds: Gaussians on a ring, whose density is known, and images of two stripes, which are there to train on."""

import math
from typing import ClassVar

import torch

from experiments.graph.value import value
from experiments.worlds.world import Data, Labelled, World
from guidance.mixture import Mixture


@value
class Ring(World):
    """Gaussians on a ring, one a class."""

    name: ClassVar[str] = "ring"
    shape: ClassVar[tuple[int, ...]] = (2,)
    exact: ClassVar[bool] = True
    trains: ClassVar[bool] = False
    classes: int = 5
    std: float = 0.2

    def load(self) -> Data:
        """The mixture."""
        angles = torch.arange(self.classes, dtype=torch.float64) * (2 * math.pi / self.classes)
        means = torch.stack([angles.cos(), angles.sin()], -1)
        covariances = self.std**2 * torch.eye(2, dtype=torch.float64).expand(self.classes, 2, 2)
        weights = torch.ones(self.classes, dtype=torch.float64)
        return Data(oracle=Mixture(means, covariances, weights, torch.arange(self.classes)), card={"what": "a ring"})


@value
class RingImages(World):
    """Images of 8 x 8, a stripe across or down."""

    name: ClassVar[str] = "ring-images"
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)
    classes: ClassVar[int] = 2
    labels: int = 2  # more than classes: a world that does not keep its word

    def load(self) -> Data:
        """A few hundred of them."""
        label = torch.arange(240) % self.labels
        x = 0.1 * torch.randn(240, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
        x[label == 0, :, 3:5] += 1
        x[label == 1, :, :, 3:5] += 1
        return Data(train=Labelled(x[:200], label[:200]), test=Labelled(x[200:], label[200:]), card={"what": "stripes"})
