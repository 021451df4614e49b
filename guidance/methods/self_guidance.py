"""Self-guidance (SG). Li et al., 2024, arXiv 2412.05827.

D = D_c + w (D_c - D_k),   D_k(z, c): the model at the same z, conditioned on sigma (1 + delta),   lambda - 2 log(1 + delta)

To first order in delta it adds 2 w delta times the derivative of the output by the lambda of conditioning, so that only w delta
matters while delta is small. The output is converted as what it was trained to be (eps, x or v), at z and its own lambda; that
of an exact model is eps.
"""

import math
from dataclasses import dataclass

from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch


@dataclass(frozen=True)
class SelfGuidance(WeakBranch, name="self-guidance", requires_model=("logsnr_cond",)):
    """Extrapolates from the model conditioned on a noisier level than z's.

    delta: by how much sigma / alpha is exaggerated, above -1.
    """

    w: float = 3.0
    delta: float = 0.01

    def __post_init__(self):
        super().__post_init__()
        if not self.delta > -1:
            raise ValueError(f"delta must be above -1, not {self.delta}")

    def guided(self, model: Denoiser) -> Denoiser:
        noisier = 2 * math.log1p(self.delta)
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label, logsnr_cond=logsnr - noisier))
