"""The forward process of Ho & Salimans (arXiv 2207.12598, section 2), variance preserving, in lambda = log SNR.

z = alpha x + sigma eps,   alpha^2 = sigmoid(lambda),   sigma^2 = sigmoid(-lambda)

Elsewhere: the sigma of EDM and k-diffusion is sigma / alpha = e^(-lambda / 2) here; the lambda of DPM-Solver is half of ours. In
the samplers' formulas l is lambda, and a prime marks the next level, l < l'.

The same prediction can be expressed as x, as eps, as v = alpha eps - sigma x (Salimans & Ho, arXiv 2202.00512) or as the score
-eps / sigma (Song et al., arXiv 2011.13456): each follows from any other with z and lambda alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from guidance.control import StepControl
from guidance.level import known_scales


class Prediction(NamedTuple):
    """What is predicted of z = alpha x + sigma eps: the clean data and the noise, shapes as z.

    Both are kept: a sampler needs both, and CFG++ renoises with another eps than the one that belongs to x. A method changes
    a prediction with `_replace` and `with_control`, which leave the rest as the model gave it.

    variance_fraction: shapes as z, only of a network that learned its variance: the v of
        log variance = v log beta + (1 - v) log beta~ (Nichol & Dhariwal, arXiv 2102.09672, eq. 15).
    control: what the method asks of the sampler's next step; a plain model asks nothing.
    """

    x: Float[Tensor, "b *shape"]
    eps: Float[Tensor, "b *shape"]
    variance_fraction: Float[Tensor, "b *shape"] | None = None
    control: StepControl = StepControl()

    def with_control(self, **orders: Any) -> "Prediction":
        """This prediction with some fields of its StepControl changed."""
        return self._replace(control=replace(self.control, **orders))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Prediction":
        """This prediction with every tensor, its control's too, put through `function`."""
        tensors = {name: function(value) for name, value in self._asdict().items() if isinstance(value, Tensor)}
        return self._replace(**tensors, control=self.control.map(function))


def alpha_sigma(logsnr: Float[Tensor, " b"], like: Float[Tensor, "b *shape"]) -> tuple[Tensor, Tensor]:
    """alpha and sigma at `logsnr` (b,), shaped (b, 1, ...) to broadcast against `like` (b, *shape)."""
    if known := known_scales(logsnr, like.ndim):
        return known
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


TARGETS = {"eps": from_eps, "x": from_x, "v": from_v}  # what a network may be trained to predict


def v_of(x: Float[Tensor, "b *shape"], eps: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b *shape"]:
    """v = alpha eps - sigma x."""
    alpha, sigma = alpha_sigma(logsnr, x)
    return alpha * eps - sigma * x


def score(prediction: Prediction, logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b *shape"]:
    """grad_z log p(z_lambda) = -eps / sigma, as a score network of Song & Ermon (arXiv 1907.05600) would give it."""
    return -prediction.eps / alpha_sigma(logsnr, prediction.eps)[1]
