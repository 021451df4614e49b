"""The ancestral sampler in log-SNR: Ho & Salimans, arXiv 2207.12598, Algorithm 2 and eqs. 3 and 4.

z' ~ N( e^(l - l') (alpha'/alpha) z + (1 - e^(l - l')) alpha' x,  (s~^2)^(1 - v) (s^2)^v ),   l < l'
with s~^2 = (1 - e^(l - l')) sigma'^2 and s^2 = (1 - e^(l - l')) sigma^2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.samplers.grid import evaluate, levels


def step_coefficients(logsnr: float, next_logsnr: float) -> tuple[float, float, float, float]:
    """(coef_z, coef_x, log s~^2, log s^2) of one step z' = coef_z z + coef_x x + noise, exact where levels are close (expm1)."""
    log_alpha2, log_next_alpha2 = -math.log1p(math.exp(-logsnr)), -math.log1p(math.exp(-next_logsnr))
    log_sigma2, log_next_sigma2 = log_alpha2 - logsnr, log_next_alpha2 - next_logsnr
    renewed = -math.expm1(logsnr - next_logsnr)  # 1 - e^(l - l'): the share of the noise that is renewed
    coef_z = math.exp(logsnr - next_logsnr + (log_next_alpha2 - log_alpha2) / 2)
    return coef_z, renewed * math.exp(log_next_alpha2 / 2), math.log(renewed) + log_next_sigma2, math.log(renewed) + log_sigma2


@dataclass(frozen=True)
class Ancestral:
    """Draws every next level from the reverse step's Gaussian, with noise in every step but the last.

    v: interpolates the variance in log space, 0: that of q(z'|z, x), 1: that of q(z|z') (0.3 at 64x64 in the paper).
    None: the variance is the one that the network has learned. ValueError for a v outside [0, 1].
    """

    v: float | None = 0.3
    name: ClassVar[str] = "ancestral"
    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    capabilities: ClassVar[tuple[str, ...]] = ("mean_shift", "moved_z", "single_call", "step_noise", "transition")

    def __post_init__(self):
        if self.v is not None and not 0 <= self.v <= 1:
            raise ValueError(f"v must lie in [0, 1], not {self.v}")

    def calls(self, levels: int) -> int:
        """Denoiser calls over a grid of so many levels."""
        return levels

    def __call__(
        self,
        denoiser: Denoiser,
        z: Float[Tensor, "b *shape"],
        logsnrs: Float[Tensor, " levels"],
        label: Label,
        noise: Callable[[], Tensor],
    ) -> Float[Tensor, "b *shape"]:
        """x (b, *shape) from z ~ N(0, I) at logsnrs[0], which increase; the last call's x is the sample."""
        values = levels(logsnrs)
        for logsnr, next_logsnr in pairwise(values):
            coef_z, coef_x, log_var_min, log_var_max = step_coefficients(logsnr, next_logsnr)
            z, pred = evaluate(self, denoiser, z, logsnr, label)
            std = self._std(pred.variance_fraction, log_var_min, log_var_max)
            z = pred.control.draw(coef_z * z + coef_x * pred.x, std, noise)
        return evaluate(self, denoiser, z, values[-1], label)[1].x

    def _std(self, fraction: Tensor | None, log_var_min: float, log_var_max: float) -> Tensor | float:
        """The step's standard deviation: the two variances' logarithms interpolated by v, or by what was learned."""
        if self.v is not None:
            return math.sqrt(math.exp((1 - self.v) * log_var_min + self.v * log_var_max))
        if fraction is None:
            raise ValueError("v is None, but the network has learned no variance: give a v in [0, 1]")
        return (((1 - fraction) * log_var_min + fraction * log_var_max) / 2).exp()
