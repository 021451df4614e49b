"""Churn: where it is added, where it must not be, and what it costs."""

import pytest
import torch
from orders import Even, moment_errors, never, slope
from worlds import mixture, networks, noise

from guidance import CosineLogSNR, Mixture, NetworkDenoiser
from guidance.samplers import Heun

RANGE = CosineLogSNR(-5.0, 5.0)


def drawn(n: int, seed: int = 2):
    g = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(n, 2, generator=g, dtype=torch.float64)


def evaluated(sampler, levels: int, denoiser=None) -> tuple[list[float], int]:
    """The lambdas that the denoiser is called at, and how often noise is drawn."""
    lambdas, draws, draw = [], [], drawn(3)

    def recorder(z, logsnr, label):
        lambdas.append(logsnr[0].item())
        return mixture()(z, logsnr, label)

    sampler(recorder, draw(), RANGE.grid(levels), None, lambda: draws.append(0) or draw())
    return lambdas, len(draws)


@pytest.mark.parametrize("churn", [0.5, 10.0, 1e6])
def test_no_lambda_is_asked_for_beyond_the_grid(churn):
    lambdas, draws = evaluated(Heun(churn=churn), 8)
    assert min(lambdas) >= -5 - 1e-9 and max(lambdas) <= 5 + 1e-9
    assert len(lambdas) == Heun(churn=churn).calls(8) == 15 and draws == 7  # at every level but the first


def test_a_network_that_refuses_lambdas_beyond_its_own_takes_churn():
    bounded, draw = NetworkDenoiser(networks()[0].network, 3, logsnr_range=(-5.0, 5.0)), noise(3)
    with torch.no_grad():
        x = Heun(churn=10.0)(bounded, draw(), RANGE.grid(6), torch.arange(3) % 3, draw)
    assert x.isfinite().all()


def test_the_window_is_in_s():
    levels = RANGE.grid(8)
    s = (-levels / 2).exp()
    low, high = (s[5].item() + s[4].item()) / 2, (s[2].item() + s[3].item()) / 2  # levels 3 and 4
    lambdas, draws = evaluated(Heun(churn=0.5, churn_min=low, churn_max=high), 8)
    first = torch.tensor(lambdas[:-1:2], dtype=torch.float64)  # the first call of each step is at s^
    gamma = (((levels[:-1] - first) / 2).exp() - 1).tolist()
    assert gamma == pytest.approx([0, 0, 0, 0.5 / 8, 0.5 / 8, 0, 0], abs=1e-9) and draws == 2
    assert evaluated(Heun(churn=0.5, churn_min=500.0), 8)[1] == 0


def test_a_prediction_that_asks_for_no_noise_gets_none():
    z = drawn(3)()
    quiet = lambda z, logsnr, label: mixture()(z, logsnr, label).with_control(noise_scale=0.0)  # noqa: E731
    silent = Heun(churn=5.0)(mixture(), z, RANGE.grid(8), None, lambda: torch.zeros_like(z))
    assert torch.equal(Heun(churn=5.0)(quiet, z, RANGE.grid(8), None, drawn(3)), silent)
    assert not torch.allclose(silent, Heun()(mixture(), z, RANGE.grid(8), None, never), atol=1e-3)


def test_noise_of_another_size_leaves_a_bias_and_says_so():
    louder, steps = Heun(churn=10.0, churn_noise=1.03), [128, 256, 512]
    assert louder.order == 0 and Heun(churn_noise=1.03).order == Heun(churn=10.0).order == Heun.order == 2
    assert abs(slope(steps, moment_errors(louder, steps, Even()))) < 0.15


def test_churned_samples_have_the_moments_of_a_gaussian_mixture():
    one = torch.tensor([0.4, 0.6], dtype=torch.float64)
    world = Mixture(torch.tensor([[-1.0], [0.8]]).double(), (one / 4)[:, None, None], one, torch.tensor([0, 0]))
    g = torch.Generator().manual_seed(1)
    draw = lambda: torch.randn(20_000, 1, generator=g, dtype=torch.float64)  # noqa: E731
    x = Heun(churn=20.0)(world, draw(), Even().grid(64), None, draw)
    mean, covariance = world.moments()
    assert abs(x.mean() - mean.item()) < 4 * (covariance.item() / 20_000) ** 0.5
    assert abs(x.var() / covariance.item() - 1) < 4 * (2 / 20_000) ** 0.5 + 0.01


@pytest.mark.parametrize("options", [{"churn": float("inf")}, {"churn_max": float("inf")}, {"churn_min": 2.0, "churn_max": 1.0}])
def test_options_that_json_cannot_hold_or_that_shut_the_window_are_refused(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))} must"):
        Heun(**options)
