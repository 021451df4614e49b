"""What is left of annealed Langevin's bias as levels are added: first it falls, in the end it stays."""

import pytest
from orders import RANGE, VARIANCE, Even, moment_errors, slope

from guidance.level import alpha_sigma_at
from guidance.samplers import AnnealedLangevin

NOISY = Even(-2.0, 0.0)  # so noisy to the end that samples are at equilibrium at its last level


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_its_order_is_zero_once_the_last_level_is_at_equilibrium(step):
    steps = [64, 128, 256]
    errors = moment_errors(AnnealedLangevin(corrections=2, step=step), steps, NOISY)
    assert abs(slope(steps, errors)) < 0.15, errors


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_what_stays_is_the_bias_of_langevin_at_the_last_level(step):
    """z <- (1 - d / 2V) z + sqrt(d) noise has the variance V / (1 - d / 4V) at equilibrium, and not V."""
    alpha, sigma = alpha_sigma_at(NOISY.max)
    v = alpha**2 * VARIANCE + sigma**2
    excess = v / (1 - step * sigma**2 / (4 * v)) - v
    gain = alpha * VARIANCE / v  # of E[x | z]
    (found,) = moment_errors(AnnealedLangevin(corrections=5, step=step), [192], NOISY)
    assert found == pytest.approx(gain**2 * excess, rel=0.01)
    assert excess == pytest.approx(step * sigma**2 / 4, rel=0.4)  # d / 4, as it says


@pytest.mark.parametrize(("density", "order"), [(Even(), 1), (RANGE, 2 / 3)], ids=["even", "cosine"])
def test_until_then_it_falls_as_the_level_at_which_samples_freeze(density, order):
    """N(lambda) d / 2V ~ 1 there: N does not depend on lambda, or is as sigma on a cosine grid, and d is as sigma^2."""
    errors = moment_errors(AnnealedLangevin(corrections=1, step=1.0), [384, 768], density)
    assert abs(slope([384, 768], errors) - order) < 0.08, errors
