"""Schedules of the guidance weight. Wang et al., 2024, arXiv 2404.13040; MDT's power-cosine, arXiv 2303.14389.

eps~ = (1 + w(lambda)) eps(z, c) - w(lambda) eps(z),   w(lambda) = w schedule(progress(lambda))
"""

from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.scale import SCHEDULES, like, progress


@dataclass(frozen=True)
class ScheduledFree(
    Method,
    name="scheduled",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"schedule": "constant"},
):
    """Classifier-free guidance whose weight is a function of how far the trajectory has come.

    schedule: one of guidance.scale.SCHEDULES; all but "power-cosine" have mean 1 over progress, so that w is the mean weight.
    power: of the power-cosine (4 in MDT). min_share: the weight is never below min_share w (the paper's clamp). What is scheduled
    is w and not 1 + w: the paper can be read either way.
    """

    w: float = 1.0
    schedule: str = "linear"
    power: float = 4.0
    min_share: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, not {self.schedule!r}")
        if not (self.power > 0 and self.min_share >= 0):
            raise ValueError(f"power must be positive and min_share at least 0, not {self.power} and {self.min_share}")

    def weight(self, logsnr: Tensor, z: Tensor) -> Tensor:
        """w(lambda) of each sample, shaped to broadcast against z."""
        share = SCHEDULES[self.schedule](progress(logsnr), self.power).clamp(min=self.min_share)
        return self.w * like(share, z)

    def guided(self, model: Denoiser) -> Denoiser:
        return combined(model, lambda cond, null, z, logsnr: extrapolate(cond, null, self.weight(logsnr, z)))
