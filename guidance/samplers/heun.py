"""Heun's method with churn: EDM's Algorithm 2 (Karras et al., arXiv 2206.00364), in EDM's x and sigma, here y = z / alpha and
s = sigma / alpha = e^(-l/2).

churn   s_hat = s (1 + gamma),  y_hat = y + sqrt(s_hat^2 - s^2) churn_noise noise,  gamma = min(churn / N, sqrt(2) - 1)
        at every level; but s_hat is never above the first level's, where z is fresh noise and beyond which no network is trained
        (EDM has no such cap)
predict y' = y_hat + (s' - s_hat) d = x + s' eps,   d = (y_hat - x) / s_hat = eps
correct y' = y_hat + (s' - s_hat) (d + d') / 2 = x + s' eps + (s' - s_hat) (eps' - eps) / 2

At lambda = -20 y is 22,000 z and (s' - s_hat) d is nearly as large with the opposite sign: in float32 their sum loses digits that
x + s' eps keeps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.level import alpha_sigma_at
from guidance.samplers.grid import evaluate, levels


@dataclass(frozen=True)
class Heun:
    """Two denoiser calls per step, one at the last level.

    churn: S_churn, how much noise is put back over the whole trajectory, at levels whose s (EDM's sigma, not lambda) lies in
    [churn_min, churn_max], EDM's S_tmin and S_tmax; churn_noise: S_noise, by which the standard deviation of that noise is
    multiplied. All are finite and at least 0. order: 2; with churn too, for mean and covariance, on grids fine enough that
    gamma = churn / N. With churn > 0 and churn_noise != 1 it is 0: the extra variance does not vanish as steps shrink.
    """

    churn: float = 0.0
    churn_min: float = 0.0
    churn_max: float = 1e9
    churn_noise: float = 1.0
    name: ClassVar[str] = "heun"
    order: ClassVar[int] = 2
    capabilities: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        for name in ("churn", "churn_min", "churn_max", "churn_noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and at least 0, not {getattr(self, name)}")
        if self.churn_min > self.churn_max:
            raise ValueError(f"churn_min must not exceed churn_max, but {self.churn_min} > {self.churn_max}")
        if self.stochastic and self.churn_noise != 1:
            object.__setattr__(self, "order", 0)  # no property, so that the class declares its order as the others do

    @property
    def stochastic(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.churn > 0

    def calls(self, levels: int) -> int:
        """Denoiser calls over a grid of so many levels."""
        return 2 * levels - 1

    def __call__(
        self,
        denoiser: Denoiser,
        z: Float[Tensor, "b *shape"],
        logsnrs: Float[Tensor, " levels"],
        label: Label,
        noise: Callable[[], Tensor],
    ) -> Float[Tensor, "b *shape"]:
        """x (b, *shape) from z ~ N(0, I) at logsnrs[0], which increase; the last call's x is the sample."""
        values, noise_scale = levels(logsnrs), 1.0
        max_s = math.exp(-values[0] / 2)
        gamma = min(self.churn / len(values), math.sqrt(2) - 1)  # EDM's N counts the step to s = 0, the last call here
        for level, next_logsnr in pairwise(values):
            z, logsnr = self._churned(z, level, gamma, max_s, noise_scale, noise)
            _, first = evaluate(self, denoiser, z, logsnr, label)
            s, next_s, alpha = math.exp(-logsnr / 2), math.exp(-next_logsnr / 2), alpha_sigma_at(next_logsnr)[0]
            predicted_y = first.x + next_s * first.eps
            _, second = evaluate(self, denoiser, alpha * predicted_y, next_logsnr, label, step=logsnr)
            z = alpha * (predicted_y + (next_s - s) / 2 * (second.eps - first.eps))
            noise_scale = second.control.noise_scale
        z, logsnr = self._churned(z, values[-1], gamma, max_s, noise_scale, noise)
        return evaluate(self, denoiser, z, logsnr, label)[1].x

    def _churned(
        self, z: Tensor, logsnr: float, gamma: float, max_s: float, noise_scale: float, noise: Callable[[], Tensor]
    ) -> tuple[Tensor, float]:
        """z with noise put back, and the lambda that it is at then; both as they were where s lies outside the window."""
        s = math.exp(-logsnr / 2)
        churned = min(s * (1 + gamma), max_s)
        if not (self.churn_min <= s <= self.churn_max and churned > s):
            return z, logsnr
        std = noise_scale * self.churn_noise * math.sqrt((churned - s) * (churned + s))
        y = z / alpha_sigma_at(logsnr)[0] + std * noise()
        logsnr = -2 * math.log(churned)
        return alpha_sigma_at(logsnr)[0] * y, logsnr
