"""DDIM (Song, Meng & Ermon, arXiv 2010.02502, eqs. 12 and 16), in log-SNR.

z' = alpha' x + sqrt(sigma'^2 - s^2) eps + s noise,   s^2 = eta^2 (sigma'^2 / sigma^2) (1 - alpha^2 / alpha'^2)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.samplers.grid import alpha_sigma_at, ask, levels


@dataclass(frozen=True)
class DDIM:
    """Steps along the probability flow. eta: 0 is deterministic, 1 is the ancestral sampler with v = 0."""

    eta: float = 0.0
    name: ClassVar[str] = "ddim"
    order: ClassVar[int] = 1

    def __post_init__(self):
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must lie in [0, 1], not {self.eta}")

    @property
    def takes(self) -> tuple[str, ...]:
        """What it takes of what guidance may ask of a sampler (`guidance.samplers.grid.TAKES`)."""
        return ("z", "apart", "single", *(["shift", "noise", "kernel"] if self.stochastic else []))

    @property
    def stochastic(self) -> bool:
        """Whether noise is drawn on the way."""
        return self.eta > 0

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
            z, belief = ask(self, denoiser, z, logsnr, label)
            alpha, sigma = alpha_sigma_at(next_logsnr)
            # 1 - alpha^2 / alpha'^2 = sigma^2 (1 - e^(l - l')), so that s^2 = eta^2 sigma'^2 (1 - e^(l - l'))
            spread = self.eta * sigma * math.sqrt(-math.expm1(logsnr - next_logsnr))
            z = alpha * belief.x + math.sqrt(sigma**2 - spread**2) * belief.eps
            if belief.drawn is not None:
                belief.drawn(z, spread**2)
            if self.stochastic:
                z = z + belief.noise_scale * spread * noise()
            if belief.shift is not None:
                z = z + spread**2 * belief.shift
        return ask(self, denoiser, z, values[-1], label)[1].x
