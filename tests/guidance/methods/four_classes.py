"""Four classes in the plane, and what a method says of them."""

import torch

from guidance import METHODS, branches
from guidance.mixture import Mixture

MEANS = torch.tensor([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8], [0.2, 0.9]], dtype=torch.float64)


WORLD = Mixture(
    MEANS, torch.eye(2, dtype=torch.float64).repeat(4, 1, 1) * 0.2, torch.tensor([0.4, 0.2, 0.2, 0.2]), torch.arange(4)
)


LABEL = torch.arange(6) % 4


def points(logsnr=0.3, n=6):
    """z (n, 2) and lambda (n,)."""
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 2, generator=g, dtype=torch.float64), torch.full((n,), logsnr, dtype=torch.float64)


def said(name, logsnr=0.3, model=WORLD, roles=(), **options):
    """The eps that a fresh closure of the method says at `points`."""
    z, level = points(logsnr)
    return METHODS[name](**options)(model, *roles)(z, level, LABEL).eps


def eps(label, logsnr=0.3, model=WORLD):
    """The model's eps at `points`."""
    z, level = points(logsnr)
    return branches(model, z, level, [label])[0].eps
