"""The variational bound against the exact log density, and its terms against torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from worlds import mixture

from guidance import Prediction
from guidance.bound import reconstruction_nll, step_kl, variational_bound
from guidance.schedules import UniformLogSNR

DENSITY = UniformLogSNR(-10.0, 10.0)  # evenly in lambda no step is a leap: the gap is that of the mean step


def draws(n: int):
    g = torch.Generator().manual_seed(2)
    label = torch.arange(n) % 3
    return mixture().sample(label, g), label, lambda: torch.randn(n, 2, generator=g, dtype=torch.float64)


def gap(levels: int, denoiser=None, n: int = 4000, **options) -> tuple[float, float]:
    """Mean of (bound + log p(x | c)) in nats, and its standard error."""
    x, label, noise = draws(n)
    bound = variational_bound(denoiser or mixture(), x, label, DENSITY.grid(levels), noise, **options)
    above = bound.total + mixture().log_prob(x, torch.full((n,), 60.0, dtype=torch.float64), label)
    return above.mean().item(), above.std().item() / math.sqrt(n)


@pytest.mark.parametrize("v", [0.0, 0.5, 1.0])
def test_it_lies_above_the_exact_value_and_comes_down_to_it(v):
    gaps = [gap(levels, v=v) for levels in (16, 64, 256)]
    for (early, early_error), (late, late_error) in zip(gaps, gaps[1:]):
        assert early > late - 3 * math.hypot(early_error, late_error)
    last, error = gaps[-1]
    assert -3 * error < last < 0.3 + 3 * error


@pytest.mark.slow
def test_the_gap_falls_as_the_steps_do():
    few, many = (gap(levels, n=10_000)[0] for levels in (64, 256))  # over seeds the ratio is 4.4 with a deviation of 0.2
    assert 3 < few / many < 6  # a fourth of the step, a fourth of the gap


def test_a_denoiser_that_is_wrong_has_a_higher_bound():
    right, error = gap(64)
    deaf, _ = gap(64, lambda z, logsnr, label: mixture()(z, logsnr, None))
    assert deaf > right + 5 * error


@pytest.mark.parametrize("v", [0.0, 0.3, 1.0])
def test_a_step_is_the_kl_of_two_normals_written_out(v):
    logsnr, after = torch.tensor([-3.0, 0.0, 4.0], dtype=torch.float64), torch.tensor([-2.0, 0.1, 7.0], dtype=torch.float64)
    x, pred, z = torch.randn(3, 3, 2, dtype=torch.float64)
    a2, b2 = logsnr.sigmoid()[:, None], after.sigmoid()[:, None]
    s2, t2 = 1 - a2, 1 - b2
    forward = s2 - a2 / b2 * t2  # the variance of q(z | z')
    mean = lambda x: (a2 / b2).sqrt() * t2 / s2 * z + b2.sqrt() * forward / s2 * x  # noqa: E731  of q(z' | z, x)
    lower, upper = forward * t2 / s2, forward
    q, p = Normal(mean(x), lower.sqrt()), Normal(mean(pred), (lower ** (1 - v) * upper**v).sqrt())
    found = step_kl(Prediction(pred, z), x, logsnr, after, v)
    torch.testing.assert_close(found, kl_divergence(q, p).sum(1), rtol=1e-8, atol=1e-10)
    if v == 0:
        torch.testing.assert_close(found, (after.exp() - logsnr.exp()) / 2 * (x - pred).square().sum(1))
    learned = Prediction(pred, z, variance_fraction=torch.full_like(z, v))
    torch.testing.assert_close(step_kl(learned, x, logsnr, after, None), found)


@pytest.mark.parametrize("value", [-2.0, 4.0, 12.0])
@pytest.mark.parametrize("centre", [-1.3, 0.02, 0.9])
def test_the_masses_of_all_bins_add_up_to_one(value, centre):
    grey = torch.linspace(-1, 1, 17, dtype=torch.float64)[:, None]
    nll = reconstruction_nll(torch.full_like(grey, centre), grey, torch.full((17,), value, dtype=torch.float64), 1 / 8)
    assert torch.exp(-nll).sum().item() == pytest.approx(1, abs=1e-9) and nll.isfinite().all()


def test_a_bin_far_away_has_a_finite_price_in_float32_too():
    nll = reconstruction_nll(torch.tensor([[0.9]]), torch.tensor([[-0.5]]), torch.tensor([8.0]), 1 / 8)
    nearest = (0.9 + 0.5 - 1 / 16) / math.exp(-4)  # the upper end of the bin, in standard deviations: Mills' ratio for the tail
    assert nll.item() == pytest.approx(nearest**2 / 2 + math.log(nearest * math.sqrt(2 * math.pi)), rel=1e-3)


def test_bits_per_dimension_of_noise_that_nothing_is_known_of():
    """x uniform on 16 grey levels, a denoiser that knows the mean alone: no better than 4 bits."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(16, (2000, 6), generator=g).double() / 7.5 - 1
    ignorant = lambda z, logsnr, label: Prediction(torch.zeros_like(z), z)  # noqa: E731
    noise = lambda: torch.randn(x.shape, generator=g, dtype=torch.float64)  # noqa: E731
    bound = variational_bound(ignorant, x, None, DENSITY.grid(32), noise, bin_width=2 / 15)
    assert bound.bits_per_dim(6).mean().item() > 4
    torch.testing.assert_close(bound.total, bound.prior + bound.steps + bound.reconstruction)


def test_the_prior_is_the_kl_to_the_standard_normal():
    x = torch.randn(5, 2, dtype=torch.float64)
    bound = variational_bound(mixture(), x, None, torch.tensor([-1.0, 3.0]), lambda: torch.zeros_like(x))
    a2 = 1 / (1 + math.e)
    expected = kl_divergence(Normal(math.sqrt(a2) * x, math.sqrt(1 - a2)), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(bound.prior, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [-20.0, 0.0, 20.0])
def test_a_bin_has_a_finite_price_and_slope_in_float32_wherever_training_asks(value):
    grey = torch.linspace(-1, 1, 256)[:, None].repeat(1, 100)
    offset = torch.randn(256, 100, generator=torch.Generator().manual_seed(0)) * math.exp(-value / 2)  # as many sigmas as z has
    pred = (grey + offset).requires_grad_()
    nll = reconstruction_nll(pred, grey, torch.full((256,), value), 2 / 255)
    nll.sum().backward()
    assert nll.isfinite().all() and pred.grad.isfinite().all()


def test_the_same_noise_gives_the_same_bound():
    once, again = (gap(8, n=30) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(("option", "value"), [("v", -0.1), ("v", 1.1), ("v", math.nan), ("bin_width", 0.0), ("bin_width", -1.0)])
def test_an_option_that_cannot_be_is_named(option, value):
    with pytest.raises(ValueError, match=f"{option} must"):
        gap(4, n=3, **{option: value})


def test_a_variance_that_was_not_learned_is_named():
    with pytest.raises(ValueError, match="learned no variance"):
        gap(4, v=None)
