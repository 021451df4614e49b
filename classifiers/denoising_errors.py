"""The likelihood of z_lambda from a denoiser's errors: how well it predicts noise that is added to z_lambda, class by class.

z' = r z_lambda + s e at lambda' < lambda;   gamma = log r^2 / s^2, the log SNR at which z_lambda itself is known from z'
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, branches
from guidance.diffusion import alpha_sigma


class Renoised(NamedTuple):
    """z' at logsnr (b,), and by how much the denoiser's eps at z' is to be multiplied to be an estimate of the noise added."""

    z: Float[Tensor, "b *shape"]
    logsnr: Float[Tensor, " b"]
    share: Tensor


def renoise(
    z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], gamma: Float[Tensor, " b"], e: Float[Tensor, "b *shape"]
) -> Renoised:
    """z_lambda with so much noise `e` more that z_lambda itself is known with log SNR gamma.

    Both noises add up in units of x: exp(-lambda') = exp(-lambda) + exp(-gamma) / alpha^2.
    """
    alpha, _ = alpha_sigma(logsnr, z)
    next_logsnr = -torch.logaddexp(-logsnr, -gamma - 2 * alpha.flatten().log())
    next_alpha, next_sigma = alpha_sigma(next_logsnr, z)
    r = next_alpha / alpha
    s = r * (-gamma / 2).exp().view_as(r)  # the root of sigma'^2 - (r sigma)^2, without the cancellation
    return Renoised(r * z + s * e, next_logsnr, s / next_sigma)


def errors(
    model: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    gamma: Float[Tensor, " b"],
    e: Float[Tensor, "b *shape"],
    classes: Sequence[int],
    low: float,
) -> Float[Tensor, "b classes"]:
    """|| e - e^(z', c) ||^2 of each class; the model is evaluated at no lambda below `low`, where z' is noise alone."""
    renoised = renoise(z, logsnr, gamma, e)
    labels = [torch.full_like(logsnr, c, dtype=torch.long) for c in classes]
    preds = branches(model, renoised.z, renoised.logsnr.clamp(min=low), labels)
    return torch.stack([(e - renoised.share * pred.eps).flatten(1).square().sum(1) for pred in preds], dim=1)


def span(logsnr: Float[Tensor, " b"], low: float, high: float) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """The gammas from which and to which errors are summed: lambda' from `low` to where it is lambda, or gamma to `high`."""
    log_alpha2 = torch.nn.functional.logsigmoid(logsnr)
    noise_left = (torch.exp(-low + torch.zeros_like(logsnr)) - (-logsnr).exp()).clamp(min=0.5 * math.exp(-low))
    start = -noise_left.log() - log_alpha2
    return start, torch.minimum(torch.full_like(start, high), logsnr - log_alpha2 + 6).maximum(start + 1)  # e^-6 is left out
