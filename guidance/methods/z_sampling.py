"""Zigzag sampling (Z-Sampling). Bai et al., 2024, arXiv 2412.10891, Algorithm 1.

z' = alpha' x_w(z) + sigma' eps_w(z),   z <- (alpha / alpha') z' + (sigma - (alpha / alpha') sigma') eps_b(z'),   and again

The step on is guided with w and the step back with b < w: a DDIM inversion whose eps is predicted at z' and the lambda of z, as
in the authors' code. What is left of the zigzag moves z by about (sigma - (alpha / alpha') sigma') (eps_b - eps_w), which is
guidance too: a comparison at equal w is none at equal effective strength. The last level has no next one, and no zigzag. With the
paper's b, the unconditional model, w -> 0 does not tend to the conditional model, which w = 0 is all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import ROUNDING, at
from guidance.methods.method import Method
from guidance.recurrence import ddim_step, next_level


@dataclass(frozen=True)
class ZSampling(
    Method,
    name="z-sampling",
    family="with the sampler",
    roles=("model", "levels"),
    requires_model=("null", "logsnr_cond"),
    requires_sampler=("moved_z", "single_call"),
    reduces_to_cfg={"rounds": 0},
    jumps_at_zero="the step back stays that of another w, `back`",
):
    """Takes each step with strong guidance, undoes it with weak guidance, and takes it again.

    w: the paper's gamma_1 - 1. back: b, its gamma_2 - 1; 0 is the conditional model, -1 the unconditional one. rounds: zigzags
    a level, 0 is classifier-free guidance.
    """

    w: float = 4.5
    back: float = -1.0
    rounds: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.rounds < 0:
            raise ValueError(f"rounds must be 0 or more, not {self.rounds}")
        if not abs(self.back) < float("inf"):
            raise ValueError(f"back must be a finite number, not {self.back}")

    @property
    def nfe_per_call(self) -> NFE:
        """What a guided call costs at every level but the last."""
        return NFE(denoiser_forward=2) + self._zigzag

    @property
    def _zigzag(self) -> NFE:
        return NFE(denoiser_forward=self.rounds * (2 + (1 if self.back in (0, -1) else 2)))

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method; the last level is evaluated once."""
        last = sum(self.acts(logsnr) for logsnr in logsnrs if logsnr > max(logsnrs) - ROUNDING)
        return super().nfe(logsnrs) + self._zigzag * -last

    def guided(self, model: Denoiser, levels: Sequence[float]) -> Denoiser:
        def evaluate(z: Tensor, logsnr: Tensor, label: Tensor | None, w: float) -> Prediction:
            if w in (0, -1):
                return model(z, logsnr, label if w == 0 else None)
            return weighted_sum(model, z, logsnr, [label, None], [1 + w, -w])

        def zigzag(z, logsnr, label):
            pred = weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])
            next_logsnr = next_level(logsnr, levels)
            if next_logsnr is None or not self.rounds:
                return pred
            (alpha, sigma), (next_alpha, next_sigma) = (alpha_sigma(level, z) for level in (logsnr, at(next_logsnr, z)))
            for _ in range(self.rounds):
                next_z = ddim_step(pred, next_logsnr)
                z = (
                    alpha / next_alpha * next_z
                    + (sigma - alpha / next_alpha * next_sigma) * evaluate(next_z, logsnr, label, self.back).eps
                )
                pred = weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])
            return pred.with_control(z=z)

        return zigzag
