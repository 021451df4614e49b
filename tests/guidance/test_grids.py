"""Sampling grids: their ends, their spacing, and that every sampler takes them."""

import math

import pytest
import torch
from worlds import mixture

from guidance import CHAINS, GRIDS, SAMPLERS, CosineLogSNR
from guidance.grids import EvenInLogSNR, EvenInT, EvenInU, Karras, Strided

DENSITY = CosineLogSNR(-8.0, 8.0)
ALL = [*(grid() for grid in GRIDS.values()), EvenInT("cosine"), Strided("cosine", 500, "leading"), Strided(spacing="linspace")]


@pytest.mark.parametrize("grid", ALL, ids=str)
@pytest.mark.parametrize("steps", [2, 7, 64])
def test_a_grid_rises_within_the_trained_range_and_samplers_take_it(grid, steps):
    levels = grid(DENSITY, steps)
    assert levels.shape == (steps,) and levels.dtype == torch.float64
    assert (levels.diff() > 0).all() and levels[0] >= -8 - 1e-9 and levels[-1] <= 8 + 1e-9
    z = torch.randn(3, 2, dtype=torch.float64)
    assert SAMPLERS["ddim"]()(mixture(), z, levels, None, lambda: z).isfinite().all()


@pytest.mark.parametrize("grid", [EvenInU(), EvenInLogSNR(), Karras(), Karras(3.0), EvenInT("cosine")], ids=str)
def test_the_ends_are_those_of_the_density(grid):
    assert grid(DENSITY, 9)[[0, -1]].tolist() == pytest.approx([-8, 8], abs=1e-6)


def test_each_is_even_in_what_it_says():
    u = torch.linspace(1, 0, 9, dtype=torch.float64)
    torch.testing.assert_close(EvenInU()(DENSITY, 9), DENSITY(u))
    assert EvenInLogSNR()(DENSITY, 5).tolist() == [-8, -4, 0, 4, 8]
    largest, smallest = math.exp(4), math.exp(-4)  # sigma / alpha
    karras = [(largest ** (1 / 7) + i / 8 * (smallest ** (1 / 7) - largest ** (1 / 7))) ** 7 for i in range(9)]
    assert Karras()(DENSITY, 9).tolist() == pytest.approx([-2 * math.log(sigma) for sigma in karras])
    times = CHAINS["linear"]().t(EvenInT("linear")(DENSITY, 9))
    torch.testing.assert_close(times.diff(), times.diff().mean().expand(8), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("spacing", "times"),
    [("leading", [0, 2, 4, 6]), ("trailing", [1, 4, 7, 9]), ("linspace", [0, 3, 6, 9])],
)
def test_a_strided_subset_is_of_the_chains_own_levels(spacing, times):
    whole = CHAINS["linear"](10).logsnrs
    found = Strided("linear", 10, spacing)(CosineLogSNR(), 4)
    torch.testing.assert_close(found, whole[torch.tensor(times)].flip(0))
    torch.testing.assert_close(Strided("linear", 10, spacing)(CosineLogSNR(), 10), whole.flip(0))


def test_a_subset_stays_within_the_trained_range():
    levels = Strided("cosine", 1000, "linspace")(CosineLogSNR(-3.0, 2.0), 5)
    assert -3 <= levels[0] < -2.9 and 1.9 < levels[-1] <= 2


@pytest.mark.parametrize("grid", ALL, ids=str)
def test_one_step_is_no_grid(grid):
    with pytest.raises(ValueError, match="steps must be at least 2"):
        grid(DENSITY, 1)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Karras(0.0), "rho"),
        (lambda: EvenInT("sigmoid"), "chain"),
        (lambda: Strided(spacing="even"), "spacing"),
        (lambda: Strided(chain_steps=1), "steps of a chain"),
        (lambda: Strided(chain_steps=10)(DENSITY, 11), "steps"),
        (lambda: EvenInT("linear")(CosineLogSNR(30.0, 40.0), 4), "density"),
    ],
)
def test_what_cannot_be_is_named(make, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        make()
