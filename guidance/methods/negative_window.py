"""A window of negative guidance. Ventura, Achilli, Ambrogioni & Lucibello, 2026, arXiv 2602.00716, section 4.2, appendix F.3.

eps~ = eps_c + w(lambda) (eps_c - eps_u),   w(lambda) = w, but max(negative w, -1) where turn <= lambda < back

Guidance of w > 0 shrinks the variance of a class whatever its schedule; w < 0 late on, where the mean is settled, widens it
again. The paper's theory has w0 + omega t in the time of a variance-exploding process, with w0 >= -1, and its experiment on
images a switch from w to -1, the unconditional model; the switch is what is here. Read in a public digest, not in the paper
itself.
"""

import math
from dataclasses import dataclass

from guidance.denoiser import Denoiser, weighted_sum
from guidance.level import ROUNDING
from guidance.methods.classifier_free import ClassifierFree


@dataclass(frozen=True)
class NegativeWindow(
    ClassifierFree,
    name="negative-window",
    reduces_to_cfg={"negative": 1.0},
    tilted=False,
    direction="to the class at first, and away from it within the window",
):
    """Classifier-free guidance that turns against the class within a window of lambda, at the end of the trajectory by default.

    negative: the weight within it in units of w, so that w -> 0 is the plain model; it stops at -1, the unconditional model,
    which negative = -1 / w reaches. turn, back: the lambdas that the window begins and ends at (back None: the data); -1 is
    half-way down the chain of Stable Diffusion, where the paper's switch is at 50 to 70 %. Of the calls of a step all are in
    the window or none.
    """

    w: float = 1.0
    negative: float = -0.5
    turn: float = -1.0
    back: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if not math.isfinite(self.negative):
            raise ValueError(f"negative must be a finite number, not {self.negative}")
        if not self.turn < self._back():
            raise ValueError(f"turn must be below back, but {self.turn:g} >= {self._back():g}")

    def _back(self) -> float:
        return math.inf if self.back is None else self.back

    def guided(self, model: Denoiser) -> Denoiser:
        within = self.w * self.negative
        within = max(within, -1.0) if self.negative < 0 else within

        def guided(z, logsnr, label):
            turned = self.of_all_rows(lambda level: self.turn - ROUNDING <= level < self._back() - ROUNDING, logsnr)
            w = within if turned else self.w
            return weighted_sum(model, z, logsnr, [label, None], [1 + w, -w])

        return guided
