"""What is left of annealed Langevin's bias as levels are added: first it falls, in the end it stays."""

import math

import pytest
import torch
from orders import RANGE, VARIANCE, Even, moment_errors, slope

from guidance.samplers import AnnealedLangevin
from guidance.samplers.grid import alpha_sigma_at

HIGH = 0.0  # of the grid: noisy enough there for a sample to reach equilibrium at the last level


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_its_order_is_zero_once_the_last_level_is_at_equilibrium(step):
    errors = moment_errors(AnnealedLangevin(corrections=2, step=step), [512, 1024, 2048], Even(max=HIGH))
    assert abs(slope([512, 1024, 2048], errors)) < 0.15, errors


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_what_stays_is_the_bias_of_langevin_at_the_last_level(step):
    """z <- (1 - d / 2V) z + sqrt(d) noise has the variance V / (1 - d / 4V) at equilibrium, and not V."""
    alpha, sigma = alpha_sigma_at(HIGH)
    v = alpha**2 * VARIANCE + sigma**2
    excess = v / (1 - step * sigma**2 / (4 * v)) - v
    gain = alpha * VARIANCE / v  # of E[x | z]
    (found,) = moment_errors(AnnealedLangevin(corrections=10, step=step), [1024], Even(max=HIGH))
    assert found == pytest.approx(gain**2 * excess, rel=0.02)
    assert excess == pytest.approx(step * sigma**2 / 4, rel=0.4)  # d / 4, as it says


@pytest.mark.parametrize(("density", "order"), [(Even(), 1), (RANGE, 2 / 3)], ids=["even", "cosine"])
def test_until_then_it_falls_as_the_level_at_which_samples_freeze(density, order):
    """K N(lambda) d / 2V ~ 1 there, with levels of density N ~ 1 evenly in lambda, ~ sigma on a cosine grid, and d ~ sigma^2."""
    errors = moment_errors(AnnealedLangevin(corrections=1, step=1.0), [512, 1024], density)
    assert abs(slope([512, 1024], errors) - order) < 0.08, errors


@pytest.mark.parametrize("corrections", [1, 4])
def test_smaller_steps_leave_less(corrections):
    steps = torch.tensor([0.8, 0.4, 0.2]).tolist()
    errors = [moment_errors(AnnealedLangevin(corrections, step), [1024], Even(max=HIGH))[0] for step in steps]
    assert errors == sorted(errors, reverse=True) and math.isfinite(errors[0])
