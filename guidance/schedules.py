"""Which noise levels are trained on and which are sampled on."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

FARTHEST = 60.0  # beyond it alpha or sigma leaves float32


@dataclass(frozen=True)
class CosineLogSNR:
    """The paper's truncated cosine density: lambda = -2 log tan(a u + b), u uniform on [0, 1].

    b = arctan(exp(-max / 2)), a = arctan(exp(-min / 2)) - b: u = 0 is `max` (clean), u = 1 is `min` (noise).
    Ho & Salimans, arXiv 2207.12598, section 2. Raises ValueError unless -60 <= min < max <= 60.
    """

    min: float = -20.0
    max: float = 20.0

    def __post_init__(self):
        if not -FARTHEST <= self.min < self.max <= FARTHEST:
            raise ValueError(f"logsnr needs min < max within [-{FARTHEST}, {FARTHEST}], not [{self.min}, {self.max}]")

    def __call__(self, u: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """lambda at the quantiles `u` in [0, 1]; the arithmetic is float64, the result has u's dtype."""
        b = math.atan(math.exp(-self.max / 2))
        a = math.atan(math.exp(-self.min / 2)) - b
        return (-2 * torch.log(torch.tan(a * u.double() + b))).to(u.dtype)

    def grid(self, steps: int) -> Float[Tensor, " steps"]:
        """`steps` values from min to max, u evenly spaced (Algorithm 2 of the paper); float64."""
        if steps < 2:
            raise ValueError(f"steps must be at least 2 (the two ends of the lambda range), not {steps}")
        return self(torch.linspace(1, 0, steps, dtype=torch.float64))


DENSITIES = {"cosine": CosineLogSNR}
