"""Figure 2 of Ho & Salimans (arXiv 2207.12598): three isotropic Gaussians in the plane, one a class."""

import math
from functools import cache

import torch

from experiments.worlds.world import World
from guidance import Mixture

RADIUS, STD = 1.0, 0.5


@cache
def gaussians() -> World:
    """Means at the corners of a triangle around the origin, equal weights; the classes overlap."""
    angles = torch.tensor([90.0, 210.0, 330.0], dtype=torch.float64) * (math.pi / 180)
    means = RADIUS * torch.stack([angles.cos(), angles.sin()], -1)
    covariances = STD**2 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2)
    return World(
        name="gaussians",
        classes=3,
        shape=(2,),
        truth=Mixture(means, covariances, torch.ones(3, dtype=torch.float64), torch.arange(3)),
        card={
            "what": "three isotropic Gaussians in the plane, one a class, with equal weights",
            "source": "after Figure 2 of Ho & Salimans (arXiv 2207.12598), whose parameters are not given there",
            "means": f"at distance {RADIUS:g} from the origin, 120 degrees apart, the first one above it",
            "std": f"{STD:g} in every direction",
            "exact": "density, score, denoiser, p(c | z) at every lambda; the guided conditionals on a grid",
        },
    )
