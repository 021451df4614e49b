"""Predictor-corrector guidance (PCG). Bradley & Nakkiran, 2024, arXiv 2408.09000, Algorithms 1 and 2.

z <- z + (d / 2) [s_c + w (s_c - s_u)] + sqrt(d) noise,   K times at each level; the step to the next is the conditional model's

The Langevin steps tend to p(z | c)^(1 + w) p(z)^(-w) of their level: 1 + w is the paper's gamma'. Their size is that of the
step that led there, d = (1 - e^(l - l')) sigma'^2, which in the limit is the paper's beta_t dt; to the first level none leads.
There, with K = 1 and a deterministic sampler, 2 w is what w is to classifier-free guidance with a stochastic one (gamma' = 2
gamma - 1, Theorem 3). The predictor is the caller's sampler: DDIM in the paper. As w -> 0 the samples are the conditional
model's in distribution, but the Langevin steps stay, and each differs from the plain model's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, Label, weighted_sum
from guidance.diffusion import Prediction
from guidance.level import ROUNDING, level_of
from guidance.methods.method import Method
from guidance.samplers.langevin import langevin


@dataclass(frozen=True)
class PredictorCorrector(
    Method,
    name="pcg",
    family="with the sampler",
    roles=("model", "levels", "noise"),
    requires_model=("null",),
    requires_sampler=("moved_z", "single_call"),
    jumps_at_zero="the Langevin steps stay, with noise of their own",
):
    """Follows the conditional model and guides only in Langevin steps at each level that it comes to.

    w: of the distribution that the corrector tends to; corrections: K, Langevin steps per level.
    """

    w: float = 1.0
    corrections: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.corrections < 1:
            raise ValueError(f"corrections must be 1 or more, not {self.corrections}")

    @property
    def nfe_per_call(self) -> NFE:
        """What a guided call costs at every level but the first."""
        return NFE(denoiser_forward=1 + 2 * self.corrections)

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method; at the first level there is no step to correct."""
        first = sum(self.acts(logsnr) for logsnr in logsnrs if logsnr < min(logsnrs) + ROUNDING)
        return super().nfe(logsnrs) + NFE(denoiser_forward=-2 * self.corrections * first)

    def guided(self, model: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        def corrected(z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
            current = level_of(logsnr)
            previous = max((level for level in levels if level < current - ROUNDING), default=None)
            if previous is None:
                return model(z, logsnr, label)
            share = -math.expm1(previous - current)

            def draw() -> Tensor:
                return noise().to(z)

            for _ in range(self.corrections):
                pred = weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])
                z = langevin(pred, z, current, draw, share)
            return model(z, logsnr, label).with_control(z=z)

        return corrected
