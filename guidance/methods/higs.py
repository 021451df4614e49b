"""History-guided sampling (HiGS). Sadat et al., 2025, arXiv 2509.22300.

D~ = D + w (D - h),   h the exponential average of the D before
"""

from dataclasses import dataclass

from guidance.denoiser import Denoiser
from guidance.methods.method import Method
from guidance.scale import logsnr_at
from guidance.spaces import from_space


@dataclass(frozen=True)
class HiGS(
    Method,
    name="higs",
    family="correction",
    requires_model=("state",),
    space="x",
    direction="on in the direction in which the prediction has moved, which it has not at the first call",
):
    """Pushes the conditional prediction on in the direction in which it has moved: no second branch, no further evaluation.

    decay: of the average; the window is t in (0.4, 0.95] of the paper. The paper's high-pass filter of the difference and its
    ramp of w are left out: they were not at hand.
    """

    w: float = 1.0
    decay: float = 0.75
    logsnr_min: float | None = logsnr_at(0.05)
    logsnr_max: float | None = logsnr_at(0.6)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), not {self.decay}")

    def guided(self, model: Denoiser) -> Denoiser:
        history = None

        def pushed(z, logsnr, label):
            nonlocal history
            pred = model(z, logsnr, label)
            average = pred.x if history is None else history
            history = self.decay * average + (1 - self.decay) * pred.x
            return from_space(pred, pred.x + self.w * (pred.x - average), "x", z, logsnr)

        return pushed
