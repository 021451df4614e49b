"""DDIM (Song, Meng & Ermon, arXiv 2010.02502, eqs. 12 and 16), in log-SNR.

z' = alpha' x + sqrt(sigma'^2 - std^2) eps + std noise,   std^2 = eta^2 (sigma'^2 / sigma^2) (1 - alpha^2 / alpha'^2)
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
class DDIM:
    """eta: 0 follows the probability flow, without noise; 1 is the ancestral sampler with v = 0."""

    eta: float = 0.0
    name: ClassVar[str] = "ddim"
    order: ClassVar[int] = 1

    def __post_init__(self):
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must lie in [0, 1], not {self.eta}")

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What guidance may order of it (`guidance.control.CAPABILITIES`)."""
        of_noise = ("mean_shift", "step_noise", "transition") if self.stochastic else ()
        return ("moved_z", "decoupled_eps", "single_call", *of_noise)

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
            z, pred = evaluate(self, denoiser, z, logsnr, label)
            alpha, sigma = alpha_sigma_at(next_logsnr)
            # 1 - alpha^2 / alpha'^2 = sigma^2 (1 - e^(l - l')), so that std^2 = eta^2 sigma'^2 (1 - e^(l - l'))
            std = self.eta * sigma * math.sqrt(-math.expm1(logsnr - next_logsnr))
            mean = alpha * pred.x + math.sqrt(sigma**2 - std**2) * pred.eps
            z = pred.control.draw(mean, std, noise)
        return evaluate(self, denoiser, z, values[-1], label)[1].x
