"""Langevin dynamics on z at one lambda, z <- z + (d / 2) score + sqrt(d) noise, as corrector and as a sampler of its own.

score = -eps / sigma. Song et al. (arXiv 2011.13456, Algorithms 4 and 5) choose d by the norms of score and noise averaged
over a batch; here it is a multiple of sigma^2, so that no sample depends on its neighbours.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.diffusion import Prediction
from guidance.level import alpha_sigma_at
from guidance.samplers.grid import evaluate, levels


def langevin(pred: Prediction, z: Tensor, logsnr: float, noise: Callable[[], Tensor], share: float) -> Tensor:
    """One step of size d = share sigma^2 from z, whose prediction is `pred`."""
    _, sigma = alpha_sigma_at(logsnr)
    return z - share * sigma / 2 * pred.eps + pred.control.noise_scale * math.sqrt(share) * sigma * noise()


@dataclass(frozen=True)
class LangevinPC:
    """Predictor and corrector: a deterministic DDIM step, then Langevin steps at the level that it came to.

    corrections: Langevin steps per level; strength: their size as a multiple of (1 - e^(l - l')) sigma'^2. That is
    proportional to the step (in Bradley & Nakkiran, arXiv 2408.09000, it is beta_t dt), and so is the bias it leaves.
    """

    corrections: int = 1
    strength: float = 1.0
    name: ClassVar[str] = "langevin-pc"
    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    capabilities: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        _require(self.corrections, "strength", self.strength)

    def calls(self, levels: int) -> int:
        """Denoiser calls over a grid of so many levels."""
        return levels + (levels - 1) * self.corrections

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
            (_, pred), (alpha, sigma) = evaluate(self, denoiser, z, logsnr, label), alpha_sigma_at(next_logsnr)
            z = alpha * pred.x + sigma * pred.eps
            for _ in range(self.corrections):
                _, pred = evaluate(self, denoiser, z, next_logsnr, label)
                z = langevin(pred, z, next_logsnr, noise, -self.strength * math.expm1(logsnr - next_logsnr))
        return evaluate(self, denoiser, z, values[-1], label)[1].x


@dataclass(frozen=True)
class AnnealedLangevin:
    """A diffusion model read as a score network (Song & Ermon, arXiv 1907.05600, Algorithm 1): Langevin at every level.

    corrections: steps per level (T there, 100); step: d / sigma^2 (their alpha_i is proportional to sigma_i^2 too). From
    level to level z / alpha is kept; the last call's x is the denoising step of Jolicoeur-Martineau et al. (2009.05475).
    order: its steps do not shrink as levels are added. In the limit z's variance at the last level stays too large by
    about d / 4, and the order is 0. Until then a sample freezes where sigma^2 is too small to move it; that comes later the
    more levels there are, and the bias falls with sigma^2: order 1 evenly in lambda, as declared, 2/3 on a cosine grid.
    """

    corrections: int = 10
    step: float = 0.1
    name: ClassVar[str] = "annealed-langevin"
    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    capabilities: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        _require(self.corrections, "step", self.step)

    def calls(self, levels: int) -> int:
        """Denoiser calls over a grid of so many levels."""
        return levels * self.corrections + 1

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
        for logsnr, next_logsnr in pairwise([*values, values[-1]]):
            for _ in range(self.corrections):
                _, pred = evaluate(self, denoiser, z, logsnr, label)
                z = langevin(pred, z, logsnr, noise, self.step)
            z = alpha_sigma_at(next_logsnr)[0] / alpha_sigma_at(logsnr)[0] * z
        return evaluate(self, denoiser, z, values[-1], label)[1].x


def _require(corrections: int, name: str, size: float) -> None:
    if not isinstance(corrections, int) or corrections < 1:
        raise ValueError(f"corrections must be a whole number, at least 1, not {corrections}")
    if not 0 < size < 4:
        raise ValueError(f"{name} must lie above 0 and below 4, where Langevin steps grow without bound, not {size}")
