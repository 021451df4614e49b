"""History-guided sampling (HiGS). Sadat et al., 2025, arXiv 2509.22300.

D~ = D + w (D - h),   h the exponential average of the D before
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.denoiser import Denoiser
from guidance.methods.method import Method
from guidance.scale import logsnr_at
from guidance.spaces import believing


@dataclass(frozen=True)
class HiGS(Method):
    """Pushes the conditional prediction on in the direction in which it has moved: no second branch, no further evaluation.

    decay: of the average; the window is t in (0.4, 0.95] of the paper. The paper's high-pass filter of the difference and its
    ramp of w are left out: they were not at hand.
    """

    w: float = 1.0
    decay: float = 0.75
    logsnr_min: float | None = logsnr_at(0.05)
    logsnr_max: float | None = logsnr_at(0.6)
    name: ClassVar[str] = "higs"
    family: ClassVar[str] = "correction"
    needs: ClassVar[tuple[str, ...]] = ("state",)
    space: ClassVar[str] = "x"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), not {self.decay}")

    def guided(self, model: Denoiser) -> Denoiser:
        history = None

        def pushed(z, logsnr, label):
            nonlocal history
            belief = model(z, logsnr, label)
            before = belief.x if history is None else history
            history = self.decay * before + (1 - self.decay) * belief.x
            return believing(belief, belief.x + self.w * (belief.x - before), "x", z, logsnr)

        return pushed
