"""Magnitude-aware guidance (MAMBO-G). 2025, arXiv 2508.03442.

d~ = d_u + W' (d_c - d_u),   W' = 1 + w exp(-decay ||d_c - d_u|| / ||d_u||)
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import norm, require_space, within


@dataclass(frozen=True)
class MagnitudeAware(Method):
    """Guides less where the update is large beside the prediction, as it is early on.

    decay: alpha of the paper; space: v, whose like in the paper is the velocity of a flow.
    """

    w: float = 9.0
    decay: float = 8.0
    space: str = "v"
    name: ClassVar[str] = "mambo-g"
    family: ClassVar[str] = "correction"
    needs: ClassVar[tuple[str, ...]] = ("null",)
    price: ClassVar[NFE] = NFE(denoiser_forward=2)
    reduces: ClassVar[dict] = {"decay": 0.0}

    def __post_init__(self):
        super().__post_init__()
        require_space(self.space)
        if not self.decay >= 0:
            raise ValueError(f"decay must be at least 0, not {self.decay}")

    def guided(self, model: Denoiser) -> Denoiser:
        def damped(cond, null):
            update = cond - null
            ratio = norm(update) / norm(null).clamp(min=1e-12)
            return cond + self.w * (-self.decay * ratio).exp() * update

        return combined(model, within(self.space, damped))
