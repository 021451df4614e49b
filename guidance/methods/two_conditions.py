"""Two conditions with two scales (InstructPix2Pix). Brooks, Holynski & Efros, 2022, arXiv 2211.09800, eq. 3.

eps~ = eps() + s_g (eps(g) - eps()) + s_c (eps(c, g) - eps(g)),   s_c = 1 + fine w,   s_g = 1 + coarse w

A class is the fine condition, the group that it belongs to the coarse one, as an instruction and an image are there. Of a model
of pairs (guidance.paired) the second condition is the coarse one, and neither implies the other.
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.grouped import group_label
from guidance.methods.method import Method


@dataclass(frozen=True)
class TwoConditions(
    Method,
    name="two-conditions",
    family="classifier-free",
    requires_model=("null", "groups"),
    nfe_per_call=NFE(denoiser_forward=3),
    reduces_to_cfg={"coarse": 1.0},
):
    """Pushes towards the group of the class and, separately, towards the class within its group.

    coarse: the share of w for the group, any finite number; 1, with `fine` at 1, is classifier-free guidance. The groups are the
    model's: see guidance.grouped, and guidance.objective.drop_two_labels for the dropout of its training.
    fine: the share of w for the class within its group, any finite number; 0 guides towards the group alone.
    """

    coarse: float = 0.5
    fine: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        for share, value in (("coarse", self.coarse), ("fine", self.fine)):
            if not math.isfinite(value):
                raise ValueError(f"{share} must be a finite number, not {value}")

    def guided(self, model: Denoiser) -> Denoiser:
        weights = [1 + self.fine * self.w, (self.coarse - self.fine) * self.w, -self.coarse * self.w]

        def guided(z, logsnr, label):
            return weighted_sum(model, z, logsnr, [label, group_label(model, label), None], weights)

        return guided
