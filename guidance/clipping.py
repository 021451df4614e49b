"""A denoiser whose x stays in the range of the data."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from guidance.diffusion import Prediction, from_x


@dataclass(frozen=True)
class Clipped:
    """A denoiser whose x is clipped to [low, high], eps following: static thresholding (Imagen, arXiv 2205.11487).

    Wrap it around the guided denoiser, not around the model, so that it also clips what guidance pushed out of range.
    At lambda = -20 it is needed: x = (z - sigma eps) / alpha multiplies the network's error by 22,000 there.
    """

    denoiser: Callable[..., Prediction]
    low: float = -1.0
    high: float = 1.0

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"] | None) -> Prediction:
        pred = self.denoiser(z, logsnr, label)
        x = pred.x.clamp(self.low, self.high)
        if "decoupled_eps" in pred.control.requires:  # eps is of another score than x, and stays
            return pred._replace(x=x)
        return pred._replace(x=x, eps=from_x(z if pred.control.z is None else pred.control.z, x, logsnr).eps)
