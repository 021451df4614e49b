"""What a denoiser's errors say of z_lambda: more noise is added to it, and how well that noise is told from it, class by class.

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
    to = -torch.logaddexp(-logsnr, -gamma - 2 * alpha.flatten().log())
    alpha_to, sigma_to = alpha_sigma(to, z)
    r = alpha_to / alpha
    s = r * (-gamma / 2).exp().view_as(r)  # the root of sigma_to^2 - (r sigma)^2, without the cancellation
    return Renoised(r * z + s * e, to, s / sigma_to)


def errors(
    model: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    gamma: Float[Tensor, " b"],
    e: Float[Tensor, "b *shape"],
    classes: Sequence[int],
    low: float,
) -> Float[Tensor, "b classes"]:
    """|| e - e^(z', c) ||^2 of each class; the model is told no lambda below `low`, where z' is noise alone."""
    at = renoise(z, logsnr, gamma, e)
    asked = [torch.full_like(logsnr, c, dtype=torch.long) for c in classes]
    found = branches(model, at.z, at.logsnr.clamp(min=low), asked)
    return torch.stack([(e - at.share * belief.eps).flatten(1).square().sum(1) for belief in found], dim=1)


def span(logsnr: Float[Tensor, " b"], low: float, high: float) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """The gammas from which and to which errors are summed: lambda' from `low` to where it is lambda, or gamma to `high`."""
    log_alpha2 = torch.nn.functional.logsigmoid(logsnr)
    left = (torch.exp(-low + torch.zeros_like(logsnr)) - (-logsnr).exp()).clamp(min=0.5 * math.exp(-low))
    start = -left.log() - log_alpha2
    return start, torch.minimum(torch.full_like(start, high), logsnr - log_alpha2 + 6).maximum(start + 1)  # e^-6 is left out
