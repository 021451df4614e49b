"""The samplers against closed forms, against each other, and against the moments they should have."""

import math

import pytest
import torch
from worlds import mixture

from guidance import SAMPLERS, CosineLogSNR, Mixture
from guidance.samplers import DDIM, DDPM, Ancestral, Heun
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
    assert Ancestral(0.3)._std(None, smaller, larger) == pytest.approx(math.sqrt(lower**0.7 * upper**0.3), rel=1e-12)


def never() -> torch.Tensor:
    raise AssertionError("noise was drawn")


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


def repeatable(n: int, shape=(2,)):
    g = torch.Generator().manual_seed(5)
    return lambda: torch.randn(n, *shape, generator=g, dtype=torch.float64)


@pytest.mark.parametrize(
    ("one", "other"),
    [(DDIM(eta=1.0), Ancestral(0.0)), (DDPM("beta"), Ancestral(1.0)), (DDPM("beta-tilde"), Ancestral(0.0))],
    ids=str,
)
def test_two_names_of_one_sampler_make_the_same_samples(one, other):
    z, label = repeatable(9)(), torch.arange(9) % 3
    made = [sampler(mixture(), z, SCHEDULE.grid(16), label, repeatable(9)) for sampler in (one, other)]
    torch.testing.assert_close(*made, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_calls_of_the_denoiser_are_as_many_as_declared(name):
    evaluated = []

    def denoiser(z, logsnr, label):
        evaluated.append(logsnr[0].item())
        return gaussian()(z, logsnr, label)

    grid = CosineLogSNR(-5.0, 5.0).grid(6)
    SAMPLERS[name]()(denoiser, torch.zeros(2, 1, dtype=torch.float64), grid, None, repeatable(2, (1,)))
    assert len(evaluated) == SAMPLERS[name]().calls(6)
    assert min(evaluated) >= grid[0].item() - 1e-12 and max(evaluated) <= grid[-1].item() + 1e-12


@pytest.mark.parametrize("name", [name for name in SAMPLERS if not SAMPLERS[name]().stochastic])
def test_a_deterministic_sampler_draws_no_noise_and_a_stochastic_one_does(name):
    z = torch.randn(3, 1, dtype=torch.float64)
    SAMPLERS[name]()(gaussian(), z, SCHEDULE.grid(6), None, never)
    noisy = {"ddim": DDIM(eta=0.3), "heun": Heun(churn=5.0)}.get(name)
    if noisy:
        assert noisy.stochastic
        with pytest.raises(AssertionError, match="noise was drawn"):
            noisy(gaussian(), z, SCHEDULE.grid(6), None, never)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if SAMPLERS[name]().stochastic])
def test_a_prediction_that_asks_for_no_noise_gets_none(name):
    z = torch.randn(3, 1, dtype=torch.float64)
    quiet = lambda z, logsnr, label: gaussian()(z, logsnr, label).with_control(noise_scale=0.0)  # noqa: E731
    silent = SAMPLERS[name]()(gaussian(), z, SCHEDULE.grid(6), None, lambda: torch.zeros_like(z))
    assert torch.equal(SAMPLERS[name]()(quiet, z, SCHEDULE.grid(6), None, repeatable(3, (1,))), silent)


def test_a_learned_variance_that_is_the_same_everywhere_is_that_v():
    z, label = repeatable(5)(), torch.arange(5) % 3
    learned = lambda z, logsnr, label: mixture()(z, logsnr, label)._replace(variance_fraction=torch.full_like(z, 0.7))  # noqa: E731
    one = Ancestral(v=None)(learned, z, SCHEDULE.grid(8), label, repeatable(5))
    torch.testing.assert_close(one, Ancestral(v=0.7)(mixture(), z, SCHEDULE.grid(8), label, repeatable(5)), rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="learned no variance"):
        Ancestral(v=None)(mixture(), z, SCHEDULE.grid(8), label, repeatable(5))


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_moments_of_the_mixture(name):
    """Mean and covariance of class 2, which has two components, to four standard errors and 3 % of discretisation."""
    n, options = 8000, {"annealed-langevin": {"corrections": 2, "step": 0.5}}.get(name, {})
    label, draw = torch.full((n,), 2), repeatable(n)
    density = CosineLogSNR(-10.0, 10.0)
    x = SAMPLERS[name](**options)(mixture(), draw(), density.grid(128), label, draw)
    mean, covariance = mixture().moments(2)
    size = covariance.max().item()
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=4 * math.sqrt(size / n) + 0.03 * math.sqrt(size))
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0, atol=(6 / math.sqrt(n) + 0.06) * size)


def test_ddim_makes_one_image_of_one_latent_whatever_the_steps_and_the_ancestral_sampler_does_not():
    z, label = repeatable(50)(), torch.arange(50) % 3
    apart = {}
    for sampler in (DDIM(), Ancestral()):
        few, many = (sampler(mixture(), z, SCHEDULE.grid(steps), label, repeatable(50)) for steps in (32, 256))
        apart[sampler.name] = (few - many).norm(dim=1).median().item()
    assert apart["ddim"] < 0.1 < 0.3 < apart["ancestral"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ancestral", {"v": -0.1}),
        ("ddim", {"eta": 1.5}),
        ("ddpm", {"variance": "gamma"}),
        ("heun", {"churn": -1.0}),
        ("heun", {"churn_noise": float("nan")}),
        ("langevin-pc", {"corrections": 0}),
        ("annealed-langevin", {"corrections": -1}),
        ("langevin-pc", {"strength": 4.0}),
        ("annealed-langevin", {"step": 0.0}),
    ],
)
def test_an_option_that_cannot_be_is_named(name, options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))} must"):
        SAMPLERS[name](**options)
