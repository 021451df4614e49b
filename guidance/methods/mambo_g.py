"""Magnitude-aware guidance (MAMBO-G). 2025, arXiv 2508.03442.

d~ = d_u + W' (d_c - d_u),   W' = 1 + w exp(-decay ||d_c - d_u|| / ||d_u||)
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import in_space, norm


@dataclass(frozen=True)
class MagnitudeAware(
    Method,
    name="mambo-g",
    family="correction",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"decay": 0.0},
):
    """Guides less where the update is large relative to the prediction, as it is early on.

    decay: alpha of the paper; space: velocity, as in the paper, whose noise keeps the ratio small at first.
    """

    w: float = 9.0
    decay: float = 8.0
    space: str = "velocity"

    def __post_init__(self):
        super().__post_init__()
        if not self.decay >= 0:
            raise ValueError(f"decay must be at least 0, not {self.decay}")

    def guided(self, model: Denoiser) -> Denoiser:
        def damped(cond, null):
            update = cond - null
            ratio = norm(update) / norm(null).clamp(min=1e-12)
            return cond + self.w * (-self.decay * ratio).exp() * update

        return combined(model, in_space(self.space, damped))
