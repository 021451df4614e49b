"""The samplers against the closed forms that a Gaussian gives them."""

import math

import pytest
import torch

from guidance import SAMPLERS, CosineLogSNR, Mixture
from guidance.samplers import DDIM, Ancestral
from guidance.samplers.ancestral import step_coefficients

MEAN, VARIANCE = 0.3, 0.09
SCHEDULE = CosineLogSNR()


def gaussian() -> Mixture:
    one = torch.ones(1, dtype=torch.float64)
    return Mixture(MEAN * one[None], VARIANCE * one[None, None], one, torch.tensor([0]))


def a2_s2(logsnr: float) -> tuple[float, float]:
    return 1 / (1 + math.exp(-logsnr)), 1 / (1 + math.exp(logsnr))


def closed_form(grid: list[float], v: float) -> tuple[float, float]:
    """Mean and variance of the ancestral sample of a Gaussian: every step is affine in z, so both follow a recursion.

    Written from eqs. 3-4 of the paper with alpha and sigma, and not from the code.
    """
    mean, variance = 0.0, 1.0
    for logsnr, after in zip(grid, grid[1:] + [None]):
        a2, s2 = a2_s2(logsnr)
        gain = math.sqrt(a2) * VARIANCE / (a2 * VARIANCE + s2)  # E[x | z] = MEAN + gain (z - alpha MEAN)
        shift = MEAN - gain * math.sqrt(a2) * MEAN
        if after is None:
            return gain * mean + shift, gain**2 * variance
        b2, t2 = a2_s2(after)
        ratio = math.exp(logsnr - after)
        slope = ratio * math.sqrt(b2 / a2) + (1 - ratio) * math.sqrt(b2) * gain
        mean = slope * mean + (1 - ratio) * math.sqrt(b2) * shift
        variance = slope**2 * variance + ((1 - ratio) * t2) ** (1 - v) * ((1 - ratio) * s2) ** v


@pytest.mark.parametrize("v", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [4, 32])
def test_the_ancestral_sampler_has_the_moments_of_its_closed_form(steps, v):
    n, g = 100_000, torch.Generator().manual_seed(steps)
    draw = lambda: torch.randn(n, 1, generator=g, dtype=torch.float64)  # noqa: E731
    x = Ancestral(v)(gaussian(), draw(), SCHEDULE.grid(steps), None, draw)
    mean, variance = closed_form(SCHEDULE.grid(steps).tolist(), v)
    assert abs(x.mean().item() - mean) < 5 * math.sqrt(variance / n)
    assert abs(x.var().item() / variance - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize("v", [0.0, 0.3, 1.0])
def test_the_closed_form_comes_to_the_data_as_steps_grow(v):
    errors = []
    for steps in (64, 256, 1024, 4096):
        mean, variance = closed_form(SCHEDULE.grid(steps).tolist(), v)
        errors.append(abs(mean - MEAN) + abs(variance - VARIANCE))
    assert errors[-1] < 2e-3 and all(late < early / 2.5 for early, late in zip(errors, errors[1:]))


def test_v_interpolates_between_the_two_variances_of_the_paper():
    early, late = -1.0, 0.5
    fresh = 1 - math.exp(early - late)
    lower, upper = fresh * a2_s2(late)[1], fresh * a2_s2(early)[1]
    _, _, smaller, larger = step_coefficients(early, late)
    assert math.exp(smaller) == pytest.approx(lower, rel=1e-12) and math.exp(larger) == pytest.approx(upper, rel=1e-12)
    assert Ancestral(0.3)._spread(None, smaller, larger) == pytest.approx(math.sqrt(lower**0.7 * upper**0.3), rel=1e-12)


def never() -> torch.Tensor:
    raise AssertionError("noise was drawn")


def exact_flow(z: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """The probability flow of a Gaussian: the standardised value is carried along."""
    (a2, s2), (b2, t2) = a2_s2(start), a2_s2(end)
    scale = math.sqrt((b2 * VARIANCE + t2) / (a2 * VARIANCE + s2))
    return math.sqrt(b2) * MEAN + scale * (z - math.sqrt(a2) * MEAN)


def test_ddim_converges_to_the_exact_flow_with_order_one():
    z = torch.tensor([[-1.5], [0.2], [2.0]], dtype=torch.float64)
    steps, errors = [64, 128, 256, 512], []
    for number in steps:
        grid = SCHEDULE.grid(number)
        x = DDIM()(gaussian(), z, grid, None, never)
        errors.append((x - exact_flow(z, -20.0, 20.0)).abs().max().item())
    order = math.log(errors[0] / errors[-1]) / math.log(steps[-1] / steps[0])
    assert abs(order - 1) < 0.15, (order, errors)


def test_ddim_is_deterministic():
    z = torch.randn(3, 1, dtype=torch.float64)
    assert torch.equal(*(DDIM()(gaussian(), z, SCHEDULE.grid(8), None, never) for _ in range(2)))


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("grid", [[1.0, 0.0], [0.0, 0.0, 1.0], [0.0, float("nan")], [0.0]])
def test_a_grid_that_does_not_increase_is_refused(sampler, grid):
    with pytest.raises(ValueError, match="logsnrs"):
        sampler()(gaussian(), torch.zeros(2, 1), torch.tensor(grid), None, lambda: torch.zeros(2, 1))


def test_a_v_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="v must lie"):
        Ancestral(v=1.2)
