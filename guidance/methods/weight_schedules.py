"""Schedules of the guidance weight. Wang et al., 2024, arXiv 2404.13040; MDT's power-cosine, arXiv 2303.14389.

eps~ = (1 + w(lambda)) eps(z, c) - w(lambda) eps(z),   w(lambda) = w schedule(progress(lambda))
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.scale import SCHEDULES, like, progress


@dataclass(frozen=True)
class ScheduledFree(Method):
    """Classifier-free guidance whose weight is a function of how far the trajectory has come.

    schedule: one of guidance.scale.SCHEDULES; all but "power-cosine" have mean 1 over progress, so that w is the mean weight.
    power: of the power-cosine (4 in MDT). least: the weight is never below least w (the paper's clamp). What is scheduled is w
    and not 1 + w: the paper can be read either way.
    """

    w: float = 1.0
    schedule: str = "linear"
    power: float = 4.0
    least: float = 0.0
    name: ClassVar[str] = "scheduled"
    family: ClassVar[str] = "classifier-free"
    needs: ClassVar[tuple[str, ...]] = ("null",)
    price: ClassVar[NFE] = NFE(denoiser_forward=2)
    reduces: ClassVar[dict] = {"schedule": "constant"}

    def __post_init__(self):
        super().__post_init__()
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, not {self.schedule!r}")
        if not (self.power > 0 and self.least >= 0):
            raise ValueError(f"power must be positive and least at least 0, not {self.power} and {self.least}")

    def guided(self, model: Denoiser) -> Denoiser:
        def scheduled(cond, null, z, logsnr):
            share = SCHEDULES[self.schedule](progress(logsnr), self.power).clamp(min=self.least)
            return extrapolate(cond, null, self.w * like(share, z))

        return combined(model, scheduled)
