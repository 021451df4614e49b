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
from guidance.samplers.grid import ask, levels


def step_coefficients(logsnr: float, next_logsnr: float) -> tuple[float, float, float, float]:
    """(a, b, log s~^2, log s^2) of one step z' = a z + b x + noise, exact where the two levels are close (expm1)."""
    log_alpha2, log_next_alpha2 = -math.log1p(math.exp(-logsnr)), -math.log1p(math.exp(-next_logsnr))
    log_sigma2, log_next_sigma2 = log_alpha2 - logsnr, log_next_alpha2 - next_logsnr
    fresh = -math.expm1(logsnr - next_logsnr)  # 1 - e^(l - l'): the share of the noise that is renewed
    kept = math.exp(logsnr - next_logsnr + (log_next_alpha2 - log_alpha2) / 2)
    return kept, fresh * math.exp(log_next_alpha2 / 2), math.log(fresh) + log_next_sigma2, math.log(fresh) + log_sigma2


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
    takes: ClassVar[tuple[str, ...]] = ("shift", "z", "single", "noise", "kernel")

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
            kept, gain, smaller, larger = step_coefficients(logsnr, next_logsnr)
            z, belief = ask(self, denoiser, z, logsnr, label)
            spread = self._spread(belief, smaller, larger)
            mean = kept * z + gain * belief.x
            if belief.drawn is not None:
                belief.drawn(mean, spread**2)
            z = mean + belief.noise_scale * spread * noise()
            if belief.shift is not None:
                z = z + spread**2 * belief.shift
        return ask(self, denoiser, z, values[-1], label)[1].x

    def _spread(self, belief, smaller: float, larger: float) -> Tensor | float:
        """The step's standard deviation: the two variances' logarithms interpolated by v, or by what was learned."""
        if self.v is not None:
            return math.sqrt(math.exp((1 - self.v) * smaller + self.v * larger))
        if belief.variance_fraction is None:
            raise ValueError("v is None, but the network has learned no variance: give a v in [0, 1]")
        return (((1 - belief.variance_fraction) * smaller + belief.variance_fraction * larger) / 2).exp()
