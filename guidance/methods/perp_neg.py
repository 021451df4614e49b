"""Perp-Neg. Armandpour et al., 2023, arXiv 2304.04968, eq. 8.

eps~ = eps_c + w (d_c - v d_k'),   d_k' the part of d_k = eps_k - eps_u at right angles to d_c = eps_c - eps_u
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.method import Method
from guidance.methods.negative import other_class
from guidance.spaces import believing, parallel, require_space, told


@dataclass(frozen=True)
class PerpNeg(Method):
    """Guides away from another class, but never against the class asked for: directions are compared sample by sample.

    other: the class k is (label + other) modulo the number of classes; weight: v of the negative part; space: eps.
    """

    w: float = 1.0
    other: int = 1
    weight: float = 1.0
    space: str = "eps"
    name: ClassVar[str] = "perp-neg"
    family: ClassVar[str] = "classifier-free"
    needs: ClassVar[tuple[str, ...]] = ("null",)
    price: ClassVar[NFE] = NFE(denoiser_forward=3)
    reduces: ClassVar[dict] = {"weight": 0.0}

    def __post_init__(self):
        super().__post_init__()
        require_space(self.space)

    def guided(self, model: Denoiser) -> Denoiser:
        def guided(z, logsnr, label):
            cond, other, null = branches(model, z, logsnr, [label, other_class(model, label, self.other), None])
            c, k, u = (told(belief, self.space, logsnr) for belief in (cond, other, null))
            towards, away = c - u, k - u
            away = away - parallel(away, towards)
            return believing(cond, c + self.w * (towards - self.weight * away), self.space, z, logsnr)

        return guided
