"""Perp-Neg. Armandpour et al., 2023, arXiv 2304.04968, eq. 8.

eps~ = eps_c + w (d_c - v d_k'),   d_k' the part of d_k = eps_k - eps_u at right angles to d_c = eps_c - eps_u
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.method import Method
from guidance.methods.negative import other_class
from guidance.spaces import from_space, parallel, to_space


@dataclass(frozen=True)
class PerpNeg(
    Method,
    name="perp-neg",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=3),
    reduces_to_cfg={"weight": 0.0},
):
    """Guides away from another class, but never against the sample's own class: directions are compared sample by sample.

    other: the class k is (label + other) modulo the number of classes; weight: v of the negative part; space: eps.
    """

    w: float = 1.0
    other: int = 1
    weight: float = 1.0
    space: str = "eps"

    def guided(self, model: Denoiser) -> Denoiser:
        def guided(z, logsnr, label):
            cond, other, null = branches(model, z, logsnr, [label, other_class(model, label, self.other), None])
            c, k, u = (to_space(pred, self.space, logsnr) for pred in (cond, other, null))
            towards, away = c - u, k - u
            away = away - parallel(away, towards)
            return from_space(cond, c + self.w * (towards - self.weight * away), self.space, z, logsnr)

        return guided
