"""CFG-Zero*. Fan et al., 2025, arXiv 2503.18886, eq. 10 (the optimised scale).

d~ = s d_u + (1 + w) (d_c - s d_u),   s = <d_c, d_u> / ||d_u||^2
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import in_space, parallel


@dataclass(frozen=True)
class CFGZeroStar(
    Method, name="cfg-zero-star", family="correction", requires_model=("null",), nfe_per_call=NFE(denoiser_forward=2)
):
    """Scales the unconditional prediction to its best fit of the conditional one before extrapolating from it.

    space: v, whose like in the paper is the velocity of a flow. The paper's other half, a velocity of zero in the first steps of
    a flow, has no counterpart here: it is left out. w = 0 is off, as the formula is then d_c for any s.
    """

    w: float = 3.0
    space: str = "v"

    def guided(self, model: Denoiser) -> Denoiser:
        return combined(model, in_space(self.space, lambda cond, null: cond + self.w * (cond - parallel(cond, null))))
