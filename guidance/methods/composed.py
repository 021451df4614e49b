"""Composed conditions. Liu et al., 2022, arXiv 2206.01714, eq. 11; with a negative weight: guidance away from a class.

eps~ = eps_c + w (eps_c - eps_u) + w v (eps_k - eps_u),   k another class
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.methods.method import Method
from guidance.methods.negative import other_class


@dataclass(frozen=True)
class Composed(
    Method,
    name="composed",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=3),
    reduces_to_cfg={"weight": 0.0},
    direction="towards another class too, which alone is left where the sample's own is certain",
):
    """Guides towards the sample's class and towards another one: classes that can hold together, or a compromise.

    other: the class k is (label + other) modulo the number of classes; weight: v, below 0: away from it.
    """

    w: float = 1.0
    other: int = 1
    weight: float = 0.5

    def guided(self, model: Denoiser) -> Denoiser:
        weights = [1 + self.w, self.w * self.weight, -self.w * (1 + self.weight)]

        def composed(z, logsnr, label):
            return weighted_sum(model, z, logsnr, [label, other_class(model, label, self.other), None], weights)

        return composed
