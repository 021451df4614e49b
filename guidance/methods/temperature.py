"""A control: the score of the conditional model scaled, eps~ = (1 + w) eps(z, c), as if sampling p(z | c)^(1 + w).

Dhariwal & Nichol, 2021, arXiv 2105.05233, appendix G: it hurts precision and recall alike. The diffused p^(1 + w) has
another score than (1 + w) times the score of the diffused p, except at lambda = infinity.
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.denoiser import Denoiser
from guidance.diffusion import from_eps
from guidance.methods.method import Method


@dataclass(frozen=True)
class Temperature(Method):
    """Sharpens the conditional model without comparing it with anything: temperature 1 / (1 + w)."""

    w: float = 0.1
    name: ClassVar[str] = "temperature"
    family: ClassVar[str] = "control"

    def guided(self, model: Denoiser) -> Denoiser:
        def scaled(z, logsnr, label):
            belief = model(z, logsnr, label)
            steered = from_eps(z, (1 + self.w) * belief.eps, logsnr)
            return belief._replace(x=steered.x, eps=steered.eps)

        return scaled
