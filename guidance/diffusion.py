"""The forward process of Ho & Salimans (arXiv 2207.12598, section 2), variance preserving, in lambda = log SNR.

z = alpha x + sigma eps,   alpha^2 = sigmoid(lambda),   sigma^2 = sigmoid(-lambda)

The same belief can be told as x, as eps, as v = alpha eps - sigma x (Salimans & Ho, arXiv 2202.00512) or as the score
-eps / sigma (Song et al., arXiv 2011.13456): one is made of another with z and lambda alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Prediction(NamedTuple):
    """What is believed of z = alpha x + sigma eps: the clean data and the noise, shapes as z.

    Both are kept: a sampler needs both, and CFG++ renoises with another eps than the one that belongs to x. A method
    changes them with `_replace`, so that what it says nothing of stays the model's. The rest concerns the noise that
    a stochastic sampler adds:

    variance_fraction: of a network that learned its variance, shapes as z: where between the logarithms of the smaller
        (0) and the larger (1) variance of the reverse step it lies (Nichol & Dhariwal, arXiv 2102.09672, eq. 15).
    noise_scale: the standard deviation of that noise is multiplied by it.

    What a method may ask of a sampler:

    asks: the words of guidance.samplers.grid.TAKES that its guidance asks for; a sampler that does not take one refuses.
        Among them "apart": x and eps belong to different scores, so that alpha x + sigma eps is not z (CFG++).
    shift: the mean of the next step moves by the variance of the step's noise times it (Dhariwal & Nichol, Algorithm 1).
    z: the sampler goes on from this z, at the same lambda, and not from the one that it asked about; x and eps are of it.
    drawn: called before the next state is drawn, with the mean (before shift) and variance (before noise_scale) of its Gaussian.
    """

    x: Float[Tensor, "b *shape"]
    eps: Float[Tensor, "b *shape"]
    variance_fraction: Float[Tensor, "b *shape"] | None = None
    noise_scale: float = 1.0
    asks: tuple[str, ...] = ()
    shift: Float[Tensor, "b *shape"] | None = None
    z: Float[Tensor, "b *shape"] | None = None
    drawn: Callable[[Tensor, Tensor | float], None] | None = None


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


def from_v(z: Float[Tensor, "b *shape"], v: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Prediction:
    """The prediction whose v = alpha eps - sigma x is `v`: x = alpha z - sigma v, eps = sigma z + alpha v."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return Prediction(alpha * z - sigma * v, sigma * z + alpha * v)


TARGETS = {"eps": from_eps, "x": from_x, "v": from_v}  # what a network may be trained to say


def v_of(x: Float[Tensor, "b *shape"], eps: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b *shape"]:
    """v = alpha eps - sigma x."""
    alpha, sigma = alpha_sigma(logsnr, x)
    return alpha * eps - sigma * x


def score(prediction: Prediction, logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b *shape"]:
    """grad_z log p(z_lambda) = -eps / sigma, as a score network of Song & Ermon (arXiv 1907.05600) would give it."""
    return -prediction.eps / alpha_sigma(logsnr, prediction.eps)[1]
