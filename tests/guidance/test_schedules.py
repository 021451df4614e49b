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


@pytest.mark.parametrize("density", ALL, ids=str)
def test_the_density_is_the_slope_of_its_quantile_function(density):
    u = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
    slope = (density(u - 1e-5) - density(u + 1e-5)) / 2e-5  # -dlambda / du
    torch.testing.assert_close(density.density(density(u)) * slope, torch.ones_like(u), rtol=1e-5, atol=0)


def test_the_cosine_one_is_the_papers_formula():
    low, high, found = -7.0, 9.0, CosineLogSNR(-7.0, 9.0)(torch.tensor([0, 0.1, 0.5, 0.8, 1], dtype=torch.float64))
    b, whole = math.atan(math.exp(-high / 2)), math.atan(math.exp(-low / 2))
    expected = [-2 * math.log(math.tan((whole - b) * u + b)) for u in (0, 0.1, 0.5, 0.8, 1)]
    assert found.tolist() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("density", "centre", "spread"),
    [
        (LogitNormal(-7.0, 9.0, 0.5, 0.8), -1.0, 1.6),
        (EDMLogNormal(-7.0, 9.0), 2.4, 2.4),
        (LogitNormal(), 0.0, 2.0),
        (LogitNormal(-0.3, -0.2), 0.0, 2.0),
    ],
    ids=str,
)
def test_the_normal_ones_are_torchs_normal_cut_to_the_ends(density, centre, spread):
    one = lambda value: torch.tensor(value, dtype=torch.float64)  # noqa: E731
    normal = torch.distributions.Normal(one(centre), one(spread))
    mass = normal.cdf(one(density.max)) - normal.cdf(one(density.min))
    u = torch.linspace(0, 1, 33, dtype=torch.float64)
    torch.testing.assert_close((normal.cdf(one(density.max)) - normal.cdf(density(u))) / mass, u, rtol=0, atol=1e-12)
    logsnr = torch.linspace(density.min, density.max, 33, dtype=torch.float64)
    torch.testing.assert_close(density.density(logsnr), normal.log_prob(logsnr).exp() / mass, rtol=1e-12, atol=0)


def test_the_normal_ones_are_those_of_their_papers():
    g = torch.Generator().manual_seed(0)
    n = torch.randn(200_000, generator=g, dtype=torch.float64)
    time = torch.sigmoid(0.5 + 0.8 * n)  # of z = (1 - s) x + s eps
    check = {LogitNormal(mean=0.5, std=0.8): 2 * torch.log((1 - time) / time), EDMLogNormal(): -2 * (-1.2 + 1.2 * n)}
    for density, drawn in check.items():
        quantiles = torch.tensor([0.1, 0.3, 0.5, 0.9], dtype=torch.float64)
        torch.testing.assert_close(density(quantiles), drawn.quantile(1 - quantiles), atol=0.03, rtol=0)


@pytest.mark.parametrize("density", [*ALL, LogitNormal(-20.0, -6.0), LogitNormal(6.0, 20.0), EDMLogNormal(-59.9, 59.9)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_are_the_ends_themselves(density, dtype):
    ends = density(torch.tensor([0, 1], dtype=dtype))
    if isinstance(density, CosineLogSNR):  # -2 log tan leaves the noisy end a few roundings off
        torch.testing.assert_close(
            ends.double(), torch.tensor([density.max, density.min], dtype=torch.float64), rtol=1e-6, atol=0
        )
    else:
        assert torch.equal(ends, torch.tensor([density.max, density.min], dtype=dtype))


@pytest.mark.parametrize("ends", [(6.0, 20.0), (-20.0, -6.0), (-20.0, -13.5), (50.0, 60.0), (-60.0, -50.0)])
def test_a_normal_density_whose_tail_is_all_there_is_keeps_its_precision(ends):
    density = LogitNormal(*ends)  # up to thirty standard deviations out, where 1 - mass is 1 to a double
    logsnr = torch.linspace(*ends, 400_001, dtype=torch.float64)
    weight = torch.exp(-(logsnr**2 - min(abs(end) for end in ends) ** 2) / 8)  # the normal but for a constant: no tail formula
    below = torch.cumulative_trapezoid(weight, logsnr)
    expected = weight / below[-1]
    torch.testing.assert_close(density.density(logsnr), expected, rtol=1e-6, atol=0)
    u = 1 - below[1999::2000] / below[-1]
    keep = (u > 1e-3) & (u < 1 - 1e-3)  # where this sum itself is precise
    assert keep.sum() > 5
    torch.testing.assert_close(density(u[keep]), logsnr[2000::2000][keep], rtol=0, atol=2e-6)


@pytest.mark.parametrize("u", [0.0, 2.0**-40, 2.0**-20, 0.25, 0.5, 0.75, 1 - 2.0**-20, 1 - 2.0**-40, 1.0])
@pytest.mark.parametrize("ends", [(-20.0, 20.0), (-20.0, -13.5), (-60.0, -50.0), (-3.0, 9.0)])
def test_a_normal_density_and_its_mirror_image_are_as_precise_as_each_other(ends, u):
    one, other = LogitNormal(*ends, mean=0.25), LogitNormal(-ends[1], -ends[0], mean=-0.25)
    point, mirrored = torch.tensor([u], dtype=torch.float64), torch.tensor([1 - u], dtype=torch.float64)
    torch.testing.assert_close(one(point), -other(mirrored), rtol=1e-12, atol=1e-12)


def test_a_range_with_nothing_of_the_normal_density_in_it_is_refused():
    with pytest.raises(ValueError, match="min and max leave less than"):
        LogitNormal(50.0, 60.0, std=0.5)


@pytest.mark.parametrize("change", [{"std": 0.0}, {"std": math.nan}, {"mean": math.inf}])
def test_a_normal_density_that_is_none_is_refused(change):
    with pytest.raises(ValueError, match="mean must be finite and std positive"):
        EDMLogNormal(**change)


def test_the_uniform_one_is_uniform():
    assert UniformLogSNR(-3.0, 5.0)(torch.tensor([0.25])).item() == 3.0
