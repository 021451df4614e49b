"""Figure 2 of Ho & Salimans (arXiv 2207.12598): three isotropic Gaussians in the plane, one per class."""

import math
from typing import ClassVar

import torch

from experiments.graph.value import value
from experiments.worlds.world import Data, World
from guidance.mixture import Mixture

RADIUS, STD = 1.0, 0.5


@value
class Gaussians(World):
    """Means at the corners of a triangle around the origin, equal weights; the classes overlap."""

    name: ClassVar[str] = "gaussians"
    classes: ClassVar[int] = 3
    shape: ClassVar[tuple[int, ...]] = (2,)
    exact: ClassVar[bool] = True
    trains: ClassVar[bool] = False

    def load(self) -> Data:
        """The mixture: no network is trained on draws of it."""
        angles = torch.tensor([90.0, 210.0, 330.0], dtype=torch.float64) * (math.pi / 180)
        means = RADIUS * torch.stack([angles.cos(), angles.sin()], -1)
        covariances = STD**2 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2)
        return Data(
            oracle=Mixture(means, covariances, torch.ones(3, dtype=torch.float64), torch.arange(3)),
            card={
                "what": "three isotropic Gaussians in the plane, one per class, with equal weights",
                "source": "after Figure 2 of Ho & Salimans (arXiv 2207.12598), whose parameters are not given there",
                "means": f"at distance {RADIUS:g} from the origin, 120 degrees apart, the first one above it",
                "std": f"{STD:g} in every direction",
                "exact": "density, score, denoiser, p(c | z) at every lambda; the guided conditionals on a grid",
            },
        )
