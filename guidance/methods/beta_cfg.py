"""Beta-CFG. Malarz et al., 2025, arXiv 2502.10574.

eps~ = eps_c + w B(progress) d / ||d||^gamma,   d = eps_c - eps_u,   B the density of Beta(a, b)
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.scale import like, progress
from guidance.spaces import from_space, norm, to_space


@dataclass(frozen=True)
class BetaCFG(
    Method,
    name="beta-cfg",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"a": 1.0, "b": 1.0, "gamma": 0.0},
):
    """Guides in the middle of the trajectory, by an update whose length depends less, or not at all, on the difference.

    a, b: of the Beta density over progress; gamma: 1 is an update of fixed length, 0 leaves the difference as it is. The length
    is over all numbers of a sample: w is not portable between sizes of images. space: eps. The paper's formula has eps_u and W
    instead of eps_c and w; here w = 0 is off.
    """

    w: float = 1.0
    a: float = 2.0
    b: float = 2.0
    gamma: float = 1.0
    space: str = "eps"

    def __post_init__(self):
        super().__post_init__()
        if not (self.a >= 1 and self.b >= 1):
            raise ValueError(f"a and b must be at least 1, or the density is unbounded, not {self.a} and {self.b}")

    def guided(self, model: Denoiser) -> Denoiser:
        constant = math.exp(math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b))

        def bent(cond, null, z, logsnr):
            c, u = to_space(cond, self.space, logsnr), to_space(null, self.space, logsnr)
            p = progress(logsnr)
            share = like(constant * p ** (self.a - 1) * (1 - p) ** (self.b - 1), z)
            update = (c - u) / norm(c - u).clamp(min=1e-12) ** self.gamma
            return from_space(cond, c + self.w * share * update, self.space, z, logsnr)

        return combined(model, bent)
