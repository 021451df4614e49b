"""Angle-domain guidance (ADG). Jin et al., 2025, arXiv 2506.11039.

D~ = ||D_c|| (the direction of D_c, turned by min(w theta, limit) away from D_u),   theta the angle between D_c and D_u
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import in_space, norm, parallel


@dataclass(frozen=True)
class AngleLimited(Method, name="adg", family="correction", requires_model=("null",), nfe_per_call=NFE(denoiser_forward=2)):
    """Turns the conditional prediction away from the unconditional one, and leaves its length as it is.

    limit: the largest angle, in radians (pi / 3); space: x. In the plane of D_c and D_u, as a catalogue of methods has it: the
    paper's own text was not at hand.
    """

    w: float = 3.0
    limit: float = math.pi / 3
    space: str = "x"

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.limit <= math.pi:
            raise ValueError(f"limit must lie in (0, pi], not {self.limit}")

    def guided(self, model: Denoiser) -> Denoiser:
        def turned(cond, null):
            away = cond - null
            away = away - parallel(away, cond)  # at right angles to cond, away from null
            off = (null - parallel(null, cond)).flatten(1).norm(dim=1)
            theta = off.atan2((cond * null).flatten(1).sum(1) / cond.flatten(1).norm(dim=1).clamp(min=1e-30))
            angle = (self.w * theta).clamp(-self.limit, self.limit).reshape(-1, *(1,) * (cond.ndim - 1))
            return angle.cos() * cond + angle.sin() * norm(cond) * away / norm(away).clamp(min=1e-30)

        return combined(model, in_space(self.space, turned))
