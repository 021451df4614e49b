"""What the tests of gradient methods share: exact worlds, classifiers and losses written by hand."""

import torch

from guidance import Mixture
from guidance.diffusion import alpha_sigma, from_x

LEVELS = (-3.0, -1.0, 0.5, 2.0)


VARIANCE, MEAN, TARGET = 0.6, torch.tensor([0.4, -0.2]), torch.tensor([1.5, 0.7])


def plane() -> Mixture:
    means = torch.tensor([[0.0, 1.2], [-1.0, -0.6], [1.0, -0.6]], dtype=torch.float64)
    spread = torch.tensor([[[0.3, 0.1], [0.1, 0.2]]], dtype=torch.float64).expand(3, 2, 2).clone()
    return Mixture(means, spread, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.arange(3))


def gaussian(z, logsnr, label):
    """The exact denoiser of N(MEAN, VARIANCE I), whatever the label."""
    return from_x(z, MEAN.to(z) + gain(logsnr, z) * (z - alpha_sigma(logsnr, z)[0] * MEAN.to(z)), logsnr)


def gain(logsnr, z):
    """dx / dz of that denoiser."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return alpha * VARIANCE / (alpha**2 * VARIANCE + sigma**2)


def quadratic(x, label):
    """Half the squared distance to TARGET."""
    return ((x - TARGET.to(x)) ** 2).sum(1) / 2


def logistic(x):
    """Two classes, logits (a x, 0) with a = (2, -1)."""
    return torch.stack([2 * x[:, 0] - x[:, 1], torch.zeros(len(x)).to(x)], 1)


def given(n: int = 6, logsnr: float | None = None):
    z = torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    where = torch.linspace(-4, 4, n, dtype=torch.float64) if logsnr is None else torch.full((n,), logsnr, dtype=torch.float64)
    return z, where, torch.arange(n) % 2


def drawer(n: int, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(n, 2, generator=generator)


def near(one, other, atol=1e-9):
    torch.testing.assert_close(one, other, rtol=0, atol=atol)


def arrived(sampler, denoiser, z, levels, label):
    """z at the second of two levels, the sampler's noise being always the same."""
    seen, noise = [], torch.randn(len(z), 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)

    def spying(z, logsnr, label):
        seen.append(z)
        return denoiser(z, logsnr, label)

    sampler(spying, z, levels, label, lambda: noise)
    return seen[1]
