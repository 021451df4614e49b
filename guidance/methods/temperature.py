"""A control: the score of the conditional model scaled, eps~ = (1 + w) eps(z, c), as if sampling p(z | c)^(1 + w).

Dhariwal & Nichol, 2021, arXiv 2105.05233, appendix G: it hurts precision and recall alike. The diffused p^(1 + w) has
another score than (1 + w) times the score of the diffused p, except at lambda = infinity.
"""

from dataclasses import dataclass

from guidance.denoiser import Denoiser
from guidance.methods.method import Method
from guidance.spaces import from_space


@dataclass(frozen=True)
class Temperature(
    Method, name="temperature", family="control", direction="a control: it sharpens p(z|c), and compares it with nothing"
):
    """Sharpens the conditional model without comparing it with anything: temperature 1 / (1 + w)."""

    w: float = 0.1

    def guided(self, model: Denoiser) -> Denoiser:
        def scaled(z, logsnr, label):
            pred = model(z, logsnr, label)
            return from_space(pred, (1 + self.w) * pred.eps, "eps", z, logsnr)

        return scaled
