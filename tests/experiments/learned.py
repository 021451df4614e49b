"""A small network of digits that says something, and its data."""

import torch

from experiments.networks import UNet
from experiments.worlds.digits import Digits


def network(**options):
    """A small network of digits that says something, with its data."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = UNet(width=8, attention=(), **options).denoiser(Digits(), 10, False)
        for weight in module.parameters():
            weight.data += 0.05 * torch.randn_like(weight)
    g = torch.Generator().manual_seed(1)
    x, eps = torch.randn(2, 12, 1, 8, 8, generator=g)
    label = torch.tensor([0, 1, 2, 10, 4, 5, 10, 7, 8, 9, 3, 10])
    return module, (x, eps, torch.linspace(-4, 4, 12), label), torch.linspace(0.05, 1, 12)
