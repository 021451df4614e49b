"""The variational bound of a diffusion model on -log p(x), over any grid of lambda (Kingma et al., arXiv 2107.00630, eq. 11).

-log p(x) <= KL(q(z_0|x) || N(0, I)) + sum KL(q(z'|z, x) || p(z'|z)) - log p(x | z_last), in nats
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.diffusion import Prediction, add_noise, alpha_sigma
from guidance.level import at
from guidance.samplers.grid import levels


class Bound(NamedTuple):
    """The three parts per sample (b,), in nats."""

    prior: Float[Tensor, " b"]
    steps: Float[Tensor, " b"]
    reconstruction: Float[Tensor, " b"]

    @property
    def total(self) -> Float[Tensor, " b"]:
        """Their sum, a bound on -log p(x)."""
        return self.prior + self.steps + self.reconstruction

    def bits_per_dim(self, dims: int) -> Float[Tensor, " b"]:
        """The total in bits for each of the `dims` dimensions of x."""
        return self.total / (dims * math.log(2))


@torch.no_grad()
def variational_bound(
    denoiser: Denoiser,
    x: Float[Tensor, "b *shape"],
    label: Label,
    logsnrs: Float[Tensor, " levels"],
    noise: Callable[[], Tensor],
    v: float | None = 0.0,
    bin_width: float | None = None,
) -> Bound:
    """The bound of each x, with one draw of z a level: unbiased, and the mean over many x is what is reported.

    logsnrs: increasing; noise: fresh N(0, I) shaped as x, once per level; v: as the ancestral sampler's, None for the variance
    that the network has learned. bin_width: None for continuous data; else the spacing of data that take values on a grid
    in [-1, 1], and the bound is one on their probabilities. ValueError for a grid that does not increase, a v outside
    [0, 1] or a bin_width that is not positive.
    """
    values = levels(logsnrs)
    alpha, sigma = alpha_sigma(at(values[0], x), x)
    prior = ((alpha * x).square() + sigma**2 - 1 - (sigma**2).log()).flatten(1).sum(1) / 2
    steps = torch.zeros_like(prior)
    for value, next_value in pairwise(values):
        logsnr = at(value, x)
        pred = denoiser(add_noise(x, noise(), logsnr), logsnr, label)
        steps = steps + step_kl(pred, x, logsnr, at(next_value, x), v)
    logsnr = at(values[-1], x)
    pred = denoiser(add_noise(x, noise(), logsnr), logsnr, label)
    return Bound(prior, steps, reconstruction_nll(pred.x, x, logsnr, bin_width))


def step_kl(
    pred: Prediction,
    x: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    next_logsnr: Float[Tensor, " b"],
    v: float | None,
) -> Float[Tensor, " b"]:
    """KL(q(z'|z, x) || p(z'|z)) from lambda to lambda', summed over dimensions, in nats.

    Both are Gaussian with means that differ by (1 - e^(l - l')) alpha' (x - x_pred); q has the ancestral sampler's smaller
    variance, p's follows from the two by v or by the prediction's variance_fraction. With v = 0 it is
    (e^l' - e^l) |x - x_pred|^2 / 2.
    """
    shape = (-1, *(1,) * (x.ndim - 1))
    if v is not None and not 0 <= v <= 1:
        raise ValueError(f"v must lie in [0, 1], not {v}")
    fraction = pred.variance_fraction if v is None else v
    if fraction is None:
        raise ValueError("v is None, but the network has learned no variance: give a v in [0, 1]")
    log_var_ratio = (F.logsigmoid(-logsnr) - F.logsigmoid(-next_logsnr)).reshape(shape) * fraction  # log of p's over q's variance
    precision = (-torch.expm1(logsnr - next_logsnr) * torch.exp(next_logsnr)).reshape(shape)  # gain^2 over q's variance
    distance = precision * (x - pred.x).square() * torch.exp(-log_var_ratio)
    return ((log_var_ratio + torch.expm1(-log_var_ratio) + distance) / 2).flatten(1).sum(1)


def reconstruction_nll(
    x_pred: Float[Tensor, "b *shape"], x: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], bin_width: float | None
) -> Float[Tensor, " b"]:
    """-log p(x | z) of N(x_pred, e^-lambda I), summed over dimensions: its density, or its mass in the bin around x.

    Of the bins the outermost ones are open (Ho, Jain & Abbeel, arXiv 2006.11239, eq. 13).
    """
    if bin_width is not None and not bin_width > 0:
        raise ValueError(f"bin_width must be positive, or None for continuous data, not {bin_width}")
    logsnr = logsnr.reshape(-1, *(1,) * (x.ndim - 1))
    if bin_width is None:
        offset, scale = x - x_pred, torch.exp(logsnr / 2)
        return (((offset * scale).square() - logsnr + math.log(2 * math.pi)) / 2).flatten(1).sum(1)
    # in a narrow bin the mass is a difference of two near numbers: float32 would make it 0, and its negative logarithm infinite
    offset, scale, half = (x - x_pred).double(), torch.exp(logsnr.double() / 2), bin_width / 2
    above = torch.where(x > 1 - half, math.inf, (offset + half) * scale)
    below = torch.where(x < -1 + half, -math.inf, (offset - half) * scale)
    flip = below > 0  # both ends in the upper tail: look at it from the other side, where nothing cancels
    low, high = torch.where(flip, -above, below), torch.where(flip, -below, above)
    log_high, log_low = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    return -(log_high + torch.log(-torch.expm1(log_low - log_high))).flatten(1).sum(1).to(x.dtype)
