"""Densities of lambda: quantiles, densities and ends, against formulas of their own."""

import math

import pytest
import torch

from guidance import DENSITIES, CosineLogSNR
from guidance.schedules import EDMLogNormal, LogitNormal, UniformLogSNR

ALL = [*(kind() for kind in DENSITIES.values()), *(kind(-7.0, 9.0) for kind in DENSITIES.values())]


def test_the_cosine_density_ends_where_it_should_and_is_the_truncated_cosine():
    schedule = CosineLogSNR(-20.0, 20.0)
    u = torch.linspace(0, 1, 1001, dtype=torch.float64)
    logsnr = schedule(u)
    torch.testing.assert_close(logsnr[[0, -1]], torch.tensor([20.0, -20.0], dtype=torch.float64))
    density = -1 / torch.gradient(logsnr, spacing=(u,))[0]  # |du / dlambda|, hyperbolic secant / 2 pi (the paper, section 2)
    expected = 1 / (2 * torch.pi * torch.cosh(logsnr / 2))
    torch.testing.assert_close(density[50:-50], expected[50:-50], rtol=2e-3, atol=0)


def test_the_grid_is_even_in_u_and_increases():
    grid = CosineLogSNR(-20.0, 20.0).grid(5)
    torch.testing.assert_close(grid, CosineLogSNR(-20.0, 20.0)(torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=torch.float64)))
    assert (grid.diff() > 0).all() and grid.dtype == torch.float64


@pytest.mark.parametrize("ends", [(1.0, -1.0), (float("nan"), 3.0), (0.0, float("inf"))])
def test_a_range_that_is_none_is_refused(ends):
    with pytest.raises(ValueError, match="min < max"):
        CosineLogSNR(*ends)


def test_a_grid_of_one_step_is_refused():
    with pytest.raises(ValueError, match="steps"):
        CosineLogSNR().grid(1)


@pytest.mark.parametrize("density", ALL, ids=str)
def test_it_integrates_to_one_within_its_ends_and_is_zero_outside(density):
    logsnr = torch.linspace(density.min, density.max, 20_001, dtype=torch.float64)
    assert torch.trapezoid(density.density(logsnr), logsnr).item() == pytest.approx(1, abs=1e-5)
    assert density.density(torch.tensor([density.min - 0.1, density.max + 0.1])).tolist() == [0, 0]


@pytest.mark.parametrize("density", ALL, ids=str)
def test_the_quantile_function_is_the_inverse_of_the_integrated_density(density):
    u = torch.linspace(0, 1, 101, dtype=torch.float64)
    logsnr = density(u)
    assert logsnr[0].item() == pytest.approx(density.max, abs=1e-6) and logsnr[-1].item() == pytest.approx(density.min, abs=1e-6)
    assert (logsnr.diff() < 0).all()
    fine = torch.linspace(density.min, density.max, 200_001, dtype=torch.float64)
    above = 1 - torch.cumulative_trapezoid(density.density(fine), fine)  # P(lambda > fine)
    found = torch.stack([above[(torch.searchsorted(fine, value) - 1).clamp(0, len(above) - 1)] for value in logsnr])
    torch.testing.assert_close(found, u, atol=2e-4, rtol=0)
    assert density(u.float()).dtype == torch.float32


def test_the_normal_ones_are_those_of_their_papers():
    g = torch.Generator().manual_seed(0)
    n = torch.randn(200_000, generator=g, dtype=torch.float64)
    time = torch.sigmoid(0.5 + 0.8 * n)  # of z = (1 - s) x + s eps
    check = {LogitNormal(mean=0.5, std=0.8): 2 * torch.log((1 - time) / time), EDMLogNormal(): -2 * (-1.2 + 1.2 * n)}
    for density, drawn in check.items():
        quantiles = torch.tensor([0.1, 0.3, 0.5, 0.9], dtype=torch.float64)
        torch.testing.assert_close(density(quantiles), drawn.quantile(1 - quantiles), atol=0.03, rtol=0)


def test_a_normal_density_whose_tail_is_all_there_is_stays_within_its_ends():
    density = LogitNormal(6.0, 20.0)  # five standard deviations above the centre at most
    logsnr = density(torch.linspace(0, 1, 1001, dtype=torch.float64))
    assert logsnr.isfinite().all() and logsnr.min() >= 6 and logsnr.max() <= 20
    with pytest.raises(ValueError, match="leave less than"):
        LogitNormal(50.0, 60.0)


@pytest.mark.parametrize("change", [{"std": 0.0}, {"std": math.nan}, {"mean": math.inf}])
def test_a_normal_density_that_is_none_is_refused(change):
    with pytest.raises(ValueError, match="mean must be finite and std positive"):
        EDMLogNormal(**change)


def test_the_uniform_one_is_uniform():
    assert UniformLogSNR(-3.0, 5.0)(torch.tensor([0.25])).item() == 3.0
