"""Sampling grids: their ends, their spacing, and that every sampler takes them."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from worlds import mixture

from guidance import CHAINS, DENSITIES, GRIDS, SAMPLERS, CosineLogSNR
from guidance.grids import EvenInLogSNR, EvenInT, EvenInU, Karras, Nested, Strided

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


def test_the_karras_grid_is_the_papers_example():
    found = torch.exp(-Karras()(CosineLogSNR(-2 * math.log(80), -2 * math.log(0.002)), 18) / 2)  # sigma, the paper's N = 18
    expected = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rho", [0.01, 1.0, 1e4])
def test_every_rho_makes_a_grid_even_where_its_powers_overflow(rho):
    levels = Karras(rho)(CosineLogSNR(-60.0, 60.0), 9)
    assert levels.isfinite().all() and (levels.diff() > 0).all()
    assert levels[[0, -1]].tolist() == pytest.approx([-60, 60], rel=1e-12)
    if rho == 1e4:  # evenly in log sigma as rho grows
        assert levels.tolist() == pytest.approx(EvenInLogSNR()(CosineLogSNR(-60.0, 60.0), 9).tolist(), abs=0.1)


@pytest.mark.parametrize(
    ("spacing", "chain_steps", "times"),
    [
        ("leading", 10, [0, 2, 4, 6]),
        ("leading", 11, [0, 2, 4, 6]),
        ("trailing", 10, [1, 4, 7, 9]),
        ("trailing", 5, [0, 1, 3, 4]),
        ("trailing", 9, [1, 3, 6, 8]),
        ("linspace", 10, [0, 3, 6, 9]),
        ("linspace", 8, [0, 2, 5, 7]),
        ("trailing", 5, [1, 4]),  # 5 and 2.5, rounded to 2, less one: the half that rounding the distance would move
        ("leading", 1000, list(range(0, 1000, 100))),
        ("trailing", 1000, list(range(99, 1000, 100))),
        ("linspace", 1000, [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]),
    ],
)
def test_a_strided_subset_is_of_the_chains_own_levels(spacing, chain_steps, times):
    whole = CHAINS["linear"](chain_steps).logsnrs
    found = Strided("linear", chain_steps, spacing)(CosineLogSNR(), len(times))
    assert torch.equal(found, whole[torch.tensor(times)].flip(0))


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_no_time_is_taken_twice(spacing):
    for chain_steps in (*range(2, 26), 100):
        whole = CHAINS["linear"](chain_steps).logsnrs
        for steps in range(2, chain_steps + 1):
            assert (Strided("linear", chain_steps, spacing)(CosineLogSNR(), steps).diff() > 0).all()
        assert torch.equal(Strided("linear", chain_steps, spacing)(CosineLogSNR(), chain_steps), whole.flip(0))


def test_a_subset_stays_within_the_trained_range():
    levels = Strided("cosine", 1000, "linspace")(CosineLogSNR(-3.0, 2.0), 5)
    assert -3 <= levels[0] < -2.9 and 1.9 < levels[-1] <= 2
    usable = [level for level in CHAINS["cosine"](1000).logsnrs.tolist() if -3 <= level <= 2]
    for spacing in ("leading", "trailing", "linspace"):
        every = Strided("cosine", 1000, spacing)(CosineLogSNR(-3.0, 2.0), len(usable))
        assert every.tolist() == usable[::-1]
        with pytest.raises(ValueError, match=f"^steps .* exceeds the {len(usable)} steps"):
            Strided("cosine", 1000, spacing)(CosineLogSNR(-3.0, 2.0), len(usable) + 1)


def test_even_in_time_has_the_ends_that_both_the_chain_and_the_density_reach():
    chain = CHAINS["linear"]()
    assert EvenInT()(CosineLogSNR(), 5)[[0, -1]].tolist() == [chain.logsnrs[-1].item(), chain.logsnrs[0].item()]
    assert EvenInT()(CosineLogSNR(-20.0, 2.0), 5)[[0, -1]].tolist() == pytest.approx([chain.logsnrs[-1].item(), 2], abs=1e-9)
    whole = EvenInT(chain_steps=5)(CosineLogSNR(), 5)  # as many as the chain has: its own levels
    torch.testing.assert_close(whole, CHAINS["linear"](5).logsnrs.flip(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", DENSITIES)
def test_u_follows_the_density_and_no_other_grid_asks_more_than_its_ends(name):
    density = DENSITIES[name](-8.0, 8.0)
    torch.testing.assert_close(EvenInU()(density, 5), density(torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=torch.float64)))
    for grid in ALL:
        if isinstance(grid, (EvenInU, Nested)):
            continue  # quantiles of the density
        assert torch.equal(grid(density, 9), grid(DENSITY, 9))


@pytest.mark.parametrize("grid", ALL, ids=str)
def test_a_grid_is_its_options_and_comes_back_from_json(grid):
    options = json.loads(json.dumps(asdict(grid)))
    assert GRIDS[grid.name](**options) == grid


@pytest.mark.parametrize("grid", ALL, ids=str)
def test_one_step_is_no_grid(grid):
    with pytest.raises(ValueError, match="steps must be at least 2"):
        grid(DENSITY, 1)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Karras(0.0), "rho"),
        (lambda: Karras(math.inf), "rho"),
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
