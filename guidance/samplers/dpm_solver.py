"""DPM-Solver++ 2M (Lu et al., arXiv 2211.01095, Algorithm 2 and section 5), data prediction, multistep, in log-SNR.

z' = (sigma'/sigma) z + alpha' (1 - e^-h) D,   h = (l' - l) / 2,   D = x + (h / (2 h_before)) (x - x_before)
SDE form:
z' = (sigma'/sigma) e^-h z + alpha' (1 - e^-2h) D + sigma' sqrt(1 - e^-2h) noise

h is the paper's: its lambda is l / 2. x is linear in l over two steps of the grid; the first step has no x_before, and D = x.
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
class DPMSolver:
    """DPM-Solver++(2M), deterministic: the sample_dpmpp_2m of k-diffusion. One denoiser call per level."""

    name: ClassVar[str] = "dpm-solver++"
    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = False
    capabilities: ClassVar[tuple[str, ...]] = ()

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
        values, x_before, h_before = levels(logsnrs), None, 0.0
        for logsnr, next_logsnr in pairwise(values):
            _, pred = evaluate(self, denoiser, z, logsnr, label)
            h = (next_logsnr - logsnr) / 2
            extrapolated = pred.x if x_before is None else pred.x + h / h_before / 2 * (pred.x - x_before)
            z = self._step(z, extrapolated, logsnr, next_logsnr, pred.control.scaled(noise))
            x_before, h_before = pred.x, h
        return evaluate(self, denoiser, z, values[-1], label)[1].x

    def _step(self, z: Tensor, x: Tensor, logsnr: float, next_logsnr: float, noise: Callable[[], Tensor]) -> Tensor:
        (_, sigma), (next_alpha, next_sigma) = alpha_sigma_at(logsnr), alpha_sigma_at(next_logsnr)
        return next_sigma / sigma * z - next_alpha * math.expm1((logsnr - next_logsnr) / 2) * x


@dataclass(frozen=True)
class DPMSolverSDE(DPMSolver):
    """SDE-DPM-Solver++(2M): the sample_dpmpp_2m_sde of k-diffusion (midpoint, eta = 1), not its sample_dpmpp_sde.

    As much noise as the ancestral sampler's with v = 0. order: of mean and covariance (weak order).
    """

    name: ClassVar[str] = "dpm-solver++-sde"
    order: ClassVar[int] = 2
    stochastic: ClassVar[bool] = True

    def _step(self, z: Tensor, x: Tensor, logsnr: float, next_logsnr: float, noise: Callable[[], Tensor]) -> Tensor:
        (_, sigma), (next_alpha, next_sigma) = alpha_sigma_at(logsnr), alpha_sigma_at(next_logsnr)
        renewed = -math.expm1(logsnr - next_logsnr)  # 1 - e^-2h
        coef_z = next_sigma / sigma * math.exp((logsnr - next_logsnr) / 2)
        return coef_z * z + next_alpha * renewed * x + next_sigma * math.sqrt(renewed) * noise()
