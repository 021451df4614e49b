"""Self-guidance (SG). Li et al., 2024, arXiv 2412.05827.

D = D_c + w (D_c - D_k),   D_k(z, c): the model asked about the same z and told sigma (1 + delta),   lambda - 2 log(1 + delta)

To first order in delta it adds 2 w delta times the derivative of what the model says by the lambda that it is told, so that only
w delta matters while delta is small. What it says is read as what it was trained to say (eps, x or v) of z as it is; an exact
model says eps.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch


@dataclass(frozen=True)
class SelfGuidance(WeakBranch):
    """Extrapolates from the model told a noisier level than z's.

    delta: by how much sigma / alpha is exaggerated, above -1.
    """

    w: float = 3.0
    delta: float = 0.01
    name: ClassVar[str] = "self-guidance"
    needs: ClassVar[tuple[str, ...]] = ("told",)

    def __post_init__(self):
        super().__post_init__()
        if not self.delta > -1:
            raise ValueError(f"delta must be above -1, not {self.delta}")

    def guided(self, model: Denoiser) -> Denoiser:
        noisier = 2 * math.log1p(self.delta)
        return self.beside(model, lambda z, logsnr, label: Branch(label, told=logsnr - noisier))
