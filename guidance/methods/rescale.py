"""Rescaled classifier-free guidance. Lin et al., 2023, arXiv 2305.08891, eqs. 15 and 16.

d~ = phi (std(d_c) / std(d)) d + (1 - phi) d,   d = (1 + w) d_c - w d_u
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.rescaling import rescaled_std
from guidance.spaces import in_space


@dataclass(frozen=True)
class Rescale(
    Method,
    name="rescale",
    family="correction",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"phi": 0.0},
):
    """Brings the standard deviation that guidance has enlarged back to that of the conditional prediction.

    Every method has it as `rescale`, in v; here it is of classifier-free guidance, in any space.

    phi: how much of the way, 0 to 1; space: what is rescaled, v in the paper (the deviation over all numbers of a sample).
    """

    w: float = 6.5
    phi: float = 0.7
    space: str = "v"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.phi <= 1:
            raise ValueError(f"phi must lie in [0, 1], not {self.phi}")

    def guided(self, model: Denoiser) -> Denoiser:
        def rescaled(cond, null):
            return rescaled_std(cond + self.w * (cond - null), cond, self.phi)

        return combined(model, in_space(self.space, rescaled))
