"""Losses and weightings: one error expressed in three ways, and each weighting as its paper writes it."""

import math

import pytest
import torch
from torch import nn
from worlds import mixture

from guidance import CosineLogSNR
from guidance.bound import variational_bound
from guidance.diffusion import TARGETS, alpha_sigma, v_of
from guidance.objective import denoising_loss, eps_loss, target_of
from guidance.weightings import EPS_ERROR, WEIGHTINGS

LEVELS = torch.tensor([-12.0, -4.0, -1.0, 0.0, 2.0, 9.0], dtype=torch.float64)
SNR = LEVELS.exp()
DENSITY = CosineLogSNR()
OPTIONS = {"elbo": {"density": DENSITY.density}}


class Says(nn.Module):
    """A network that believes in an eps which is off by a known error, and tells it as any target."""

    def __init__(self, eps, error, target):
        super().__init__()
        self.eps, self.error, self.target = eps, error, target

    def forward(self, z, logsnr, label):
        believed, (alpha, sigma) = self.eps + self.error, alpha_sigma(logsnr, z)
        x = (z - sigma * believed) / alpha
        return {"eps": believed, "x": x, "v": v_of(x, believed, logsnr)}[self.target]


class Rounded(nn.Module):
    """A network of float64 asked and answering in float32."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, z, logsnr, label):
        return self.network(z.double(), logsnr.double(), label).float()


def case():
    g = torch.Generator().manual_seed(0)
    x, eps, error = torch.randn(3, len(LEVELS), 1, 4, 4, generator=g, dtype=torch.float64)
    return x, eps, error, torch.zeros(len(LEVELS), dtype=torch.long)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [name for name in WEIGHTINGS if name != "simple"])
def test_a_weighting_is_the_same_for_every_target(name, target):
    x, eps, error, label = case()
    weighting = WEIGHTINGS[name](**OPTIONS.get(name, {}))
    found = denoising_loss(Says(eps, error, target), x, eps, LEVELS, label, target, weighting)
    on_eps = error.square().flatten(1).mean(1)
    torch.testing.assert_close(found, weighting.on_eps(LEVELS) * on_eps, rtol=1e-6, atol=0)
    torch.testing.assert_close(eps_loss(Says(eps, error, target), x, eps, LEVELS, label, target), on_eps)


@pytest.mark.parametrize("target", TARGETS)
def test_simple_is_the_plain_error_in_the_targets_own_space(target):
    x, eps, error, label = case()
    network = Says(eps, error, target)
    alpha, sigma = alpha_sigma(LEVELS, x)
    z = alpha * x + sigma * eps
    wanted = (network(z, LEVELS, label) - {"eps": eps, "x": x, "v": alpha * eps - sigma * x}[target]).square().flatten(1).mean(1)
    found = denoising_loss(network, x, eps, LEVELS, label, target, WEIGHTINGS["simple"]())
    torch.testing.assert_close(found, wanted)


WRITTEN = {
    "eps": (WEIGHTINGS["eps"](), torch.ones(6, dtype=torch.float64)),
    "x": (WEIGHTINGS["x"](), 1 / SNR),
    "v": (WEIGHTINGS["v"](), (SNR + 1) / SNR),
    "min-snr": (WEIGHTINGS["min-snr"](gamma=5.0), SNR.clamp(max=5) / SNR),
    "truncated-snr": (WEIGHTINGS["truncated-snr"](), SNR.clamp(min=1) / SNR),
    "p2": (WEIGHTINGS["p2"](k=1.0, gamma=0.5), (1 + SNR) ** -0.5),
    "sigmoid": (WEIGHTINGS["sigmoid"](bias=2.0), 1 / (1 + torch.exp(LEVELS - 2))),
    "edm": (WEIGHTINGS["edm"](sigma_data=0.5), (1 / SNR + 0.25) / (1 / SNR * 0.25) * (1 / SNR)),
    "elbo": (WEIGHTINGS["elbo"](lambda logsnr: 1 / (4 + logsnr**2)), (4 + LEVELS**2) / 2),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_weight_is_the_one_of_its_paper(name):
    weighting, wanted = WRITTEN[name]
    torch.testing.assert_close(weighting.on_eps(LEVELS), wanted)


def test_every_weighting_is_written_out_here():
    assert {*WRITTEN, "simple"} == set(WEIGHTINGS)


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("target", TARGETS)
def test_no_weight_overflows_float32_where_networks_are_trained(name, target):
    weight = WEIGHTINGS[name](**OPTIONS.get(name, {}))(DENSITY.grid(9).float(), target)
    assert weight.isfinite().all() and (weight > 0).all()


def test_the_factors_between_errors_are_those_of_the_identity():
    logsnr = torch.tensor([-2.0, 1.0], dtype=torch.float64)
    alpha, sigma = alpha_sigma(logsnr, torch.zeros(2, 1, dtype=torch.float64))
    torch.testing.assert_close(EPS_ERROR["x"](logsnr), ((alpha / sigma) ** 2)[:, 0])
    torch.testing.assert_close(EPS_ERROR["v"](logsnr), (alpha**2)[:, 0])


def test_a_network_that_says_its_variance_too_is_judged_by_its_first_half():
    x, eps, error, label = case()

    class Both(Says):
        def forward(self, z, logsnr, label):
            return torch.cat([super().forward(z, logsnr, label), torch.full_like(z, math.nan)], 1)

    found = denoising_loss(Both(eps, error, "eps"), x, eps, LEVELS, label, "eps", WEIGHTINGS["simple"]())
    torch.testing.assert_close(found, error.square().flatten(1).mean(1))


def test_a_target_that_is_none_is_named():
    with pytest.raises(ValueError, match="target must be one of eps, x, v"):
        target_of("score", torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1))


@pytest.mark.parametrize(("name", "option"), [("min-snr", "gamma"), ("p2", "k"), ("p2", "gamma"), ("edm", "sigma_data")])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_an_option_that_is_not_positive_is_named(name, option, value):
    with pytest.raises(ValueError, match=f"{option} must be positive"):
        WEIGHTINGS[name](**{option: value})


@pytest.mark.parametrize("name", sorted({"min-snr", "sigmoid", "edm", "p2", "elbo"}))
def test_over_the_density_the_mean_loss_is_one_number_for_all_targets(name):
    """lambda drawn as in training, in float32: where the factors between the errors reach e^20."""
    g = torch.Generator().manual_seed(4)
    x, eps, error = torch.randn(3, 4000, 1, 2, 2, generator=g)
    logsnr, label = DENSITY(torch.rand(4000, generator=g)), torch.zeros(4000, dtype=torch.long)
    weighting = WEIGHTINGS[name](**OPTIONS.get(name, {}))

    def mean(target):
        network = Rounded(Says(eps.double(), error.double(), target))
        return denoising_loss(network, x, eps, logsnr, label, target, weighting).mean().item()

    # a target whose own error is tiny compared with its output has fewer digits in float32: x where lambda is 20
    assert mean("v") == pytest.approx(mean("eps"), rel=1e-3)


@pytest.mark.slow
def test_the_elbo_is_the_limit_of_the_steps_of_the_bound():
    """Richardson's extrapolation of the bound in the size of its steps, against the mean loss over another density."""
    n, world, g = 20_000, mixture(), torch.Generator().manual_seed(6)
    label = torch.arange(n) % 3
    x = world.sample(label, g)

    def steps(levels):
        return variational_bound(world, x, label, torch.linspace(-6, 6, levels, dtype=torch.float64), normal).steps.mean().item()

    def normal():
        return torch.randn(n, 2, generator=g, dtype=torch.float64)

    class Exact(nn.Module):
        def forward(self, z, logsnr, label):
            return world(z, logsnr, label).eps

    density = CosineLogSNR(-6.0, 6.0)
    weighting = WEIGHTINGS["elbo"](density.density)
    repeats = [
        denoising_loss(Exact(), x, normal(), density(torch.rand(n, generator=g, dtype=torch.float64)), label, "eps", weighting)
        for _ in range(4)
    ]
    found = 2 * torch.cat(repeats)  # of the two dimensions
    assert found.mean().item() == pytest.approx(2 * steps(129) - steps(65), abs=4 * found.std().item() / math.sqrt(4 * n))
