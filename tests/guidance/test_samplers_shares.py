"""Unconditional samples of the stochastic samplers: the share of every class, and the moments of the whole mixture."""

import math

import pytest
import torch
from worlds import mixture

from guidance import CosineLogSNR
from guidance.samplers import DDIM, DDPM, Ancestral, AnnealedLangevin, DPMSolverSDE, Heun, LangevinPC

N, LEVELS = 8000, CosineLogSNR(-10.0, 10.0).grid(96)
NOISY = [
    Ancestral(),
    DDPM(),
    DDIM(eta=1.0),
    Heun(churn=10.0),
    DPMSolverSDE(),
    LangevinPC(),
    AnnealedLangevin(corrections=2, step=0.5),
]


def check(x: torch.Tensor) -> None:
    """Four standard errors, and 3 % (of a share, of a standard deviation; 6 % of a variance) of discretisation."""
    world = mixture()
    share = world.class_log_weights().exp()
    high = torch.full((len(x),), 10.0, dtype=torch.float64)
    found = world.class_logits(x, high).softmax(-1).mean(0)  # each sample counts for a class as likely as it is of it
    assert ((found - share).abs() < 4 * (share * (1 - share) / N).sqrt() + 0.03 * share).all(), (found, share)
    mean, covariance = world.moments()
    size = covariance.diag().max().item()
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=4 * math.sqrt(size / N) + 0.03 * math.sqrt(size))
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0, atol=(4 * math.sqrt(2 / N) + 0.06) * size)


def unconditional(sampler) -> torch.Tensor:
    g = torch.Generator().manual_seed(4)
    draw = lambda: torch.randn(N, 2, generator=g, dtype=torch.float64)  # noqa: E731
    return sampler(mixture(), draw(), LEVELS, None, draw)


@pytest.mark.parametrize("sampler", NOISY, ids=str)
def test_every_class_has_its_share_and_the_whole_its_moments(sampler):
    check(unconditional(sampler))


def test_too_much_noise_is_seen():
    def louder(denoiser, z, logsnrs, label, noise):
        return Ancestral()(denoiser, z, logsnrs, label, lambda: 1.2 * noise())

    with pytest.raises(AssertionError):
        check(unconditional(louder))


def test_a_class_that_is_missing_is_seen():
    g = torch.Generator().manual_seed(4)
    with pytest.raises(AssertionError):
        check(mixture().sample(torch.arange(N) % 2, g))
