"""Algorithm 1 with the gradient at the step's mean: one step written out by hand, and the limit of small steps."""

import math

import torch

from guidance import METHODS
from guidance.denoiser import Denoiser
from guidance.isotropic import Isotropic
from guidance.samplers.ancestral import Ancestral, step_coefficients
from guidance.samplers.ddim import DDIM

M, S, W = 1.0, 0.6, 0.8
WORLD = Isotropic(torch.tensor([[M], [-M]], dtype=torch.float64), S)
Z, LABEL = torch.tensor([[-1.0], [0.3], [1.4]], dtype=torch.float64), torch.tensor([0, 0, 1])


def stepped(sampler: object, model: Denoiser, levels: list[float]) -> torch.Tensor:
    """Where one step leads without noise: the state at which the denoiser is asked last."""
    seen = []

    def watched(z: torch.Tensor, logsnr: torch.Tensor, label: torch.Tensor):
        seen.append(z)
        return model(z, logsnr, label)

    sampler(watched, Z, torch.tensor(levels, dtype=torch.float64), LABEL, lambda: torch.zeros_like(Z))
    return seen[1]


def gradient(z: torch.Tensor, logsnr: float) -> torch.Tensor:
    """grad log p(c | z) of classes at m and -m: 2 alpha m (1 - p) / tau^2 towards the own one."""
    alpha2, sigma2 = 1 / (1 + math.exp(-logsnr)), 1 / (1 + math.exp(logsnr))
    total, sign = alpha2 * S**2 + sigma2, (1 - 2 * LABEL.double())[:, None]
    own = torch.sigmoid(2 * math.sqrt(alpha2) * M * sign * z / total)
    return 2 * math.sqrt(alpha2) * M * sign * (1 - own) / total


def guided(name: str, levels: list[float]) -> Denoiser:
    method = METHODS[name](w=W)
    return method(WORLD, WORLD.class_logits, levels) if "levels" in method.roles else method(WORLD, WORLD.class_logits)


def test_one_step_moves_the_mean_by_the_variance_times_the_gradient_there():
    levels = [-1.0, 0.5]
    for sampler, at in ((Ancestral(v=0.0), 2), (Ancestral(v=1.0), 3), (DDIM(eta=1.0), 2)):
        plain = stepped(sampler, WORLD, levels)
        variance = math.exp(step_coefficients(*levels)[at])
        torch.testing.assert_close(stepped(sampler, guided("classifier-at-mean", levels), levels) - plain,
                                   W * variance * gradient(plain, 0.5))  # fmt: skip
        torch.testing.assert_close(stepped(sampler, guided("classifier-mean", levels), levels) - plain,
                                   W * variance * gradient(Z, -1.0))  # fmt: skip


def test_the_place_of_the_gradient_is_no_matter_in_the_limit_of_small_steps():
    shares = []
    for width in (0.4, 0.04):
        levels = [0.0, width]
        plain = stepped(Ancestral(), WORLD, levels)
        at_mean, at_z = (stepped(Ancestral(), guided(name, levels), levels) for name in ("classifier-at-mean", "classifier-mean"))
        shares.append(((at_mean - at_z).norm() / (at_z - plain).norm()).item())
    assert shares[0] > 0.02 and shares[1] < 0.2 * shares[0]


def test_a_sampler_without_noise_is_refused():
    assert "mean" in METHODS["classifier-at-mean"]().refuses(DDIM())
