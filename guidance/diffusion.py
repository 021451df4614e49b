"""The forward process of Ho & Salimans (arXiv 2207.12598, section 2), variance preserving, in lambda = log SNR.

z = alpha x + sigma eps,   alpha^2 = sigmoid(lambda),   sigma^2 = sigmoid(-lambda)
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Prediction(NamedTuple):
    """What is believed of z = alpha x + sigma eps: the clean data and the noise, shapes as z.

    Both are kept: a sampler needs both, and CFG++ renoises with another eps than the one that belongs to x.
    """

    x: Float[Tensor, "b *shape"]
    eps: Float[Tensor, "b *shape"]


def alpha_sigma(logsnr: Float[Tensor, " b"], like: Float[Tensor, "b *shape"]) -> tuple[Tensor, Tensor]:
    """alpha and sigma at `logsnr` (b,), shaped (b, 1, ...) to broadcast against `like` (b, *shape)."""
    logsnr = logsnr.reshape(-1, *(1,) * (like.ndim - 1))
    return logsnr.sigmoid().sqrt(), (-logsnr).sigmoid().sqrt()


def add_noise(
    x: Float[Tensor, "b *shape"], eps: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """z_lambda = alpha x + sigma eps (eq. 1 of the paper)."""
    alpha, sigma = alpha_sigma(logsnr, x)
    return alpha * x + sigma * eps


def from_eps(z: Float[Tensor, "b *shape"], eps: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Prediction:
    """The prediction whose noise is `eps`: x = (z - sigma eps) / alpha."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return Prediction((z - sigma * eps) / alpha, eps)


def from_x(z: Float[Tensor, "b *shape"], x: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Prediction:
    """The prediction whose clean data is `x`: eps = (z - alpha x) / sigma."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return Prediction(x, (z - alpha * x) / sigma)
