"""Frequency-decoupled guidance (FDG). Sadat et al., 2025, arXiv 2506.19713, Algorithms 1 and 2.

D~ = the image rebuilt from the Laplacian pyramid with the levels  D_c[i] + w s_i (d_perp + p_i d_par)

d = D_c[i] - D_u[i], parallel and perpendicular to D_c[i].
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.pyramid import laplacian, merged
from guidance.spaces import in_space, parallel


@dataclass(frozen=True)
class FrequencyDecoupled(
    Method,
    name="fdg",
    family="correction",
    requires_model=("null", "image"),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"scales": (1.0, 1.0)},
):
    """Guides fine structure more than coarse: coarse guidance costs diversity, fine guidance buys sharpness.

    w: the finest level's strength, where its s is 1. scales: s_i, from the finest level to the coarsest, as many as the pyramid
    has levels; the guidance_scales of diffusers are 1 + w s_i, and the defaults its 10 and 5. parallel_weights: p_i, likewise
    (None: 1 for all, no projection). space: x. For images (b, channels, height, width) of any size.
    """

    w: float = 9.0
    scales: tuple[float, ...] = (1.0, 4 / 9)
    parallel_weights: tuple[float, ...] | None = None
    space: str = "x"

    def __post_init__(self):
        super().__post_init__()
        for name in ("scales", "parallel_weights"):  # lists, from JSON
            object.__setattr__(self, name, getattr(self, name) and tuple(getattr(self, name)))
        if len(self.scales) < 2 or not all(map(math.isfinite, self.scales)):
            raise ValueError(f"scales must be two or more finite numbers, not {self.scales}")
        if self.parallel_weights is not None and (
            len(self.parallel_weights) != len(self.scales) or not all(map(math.isfinite, self.parallel_weights))
        ):
            raise ValueError(
                f"parallel_weights must be {len(self.scales)} finite numbers, one for each of scales, not {self.parallel_weights}"
            )

    def guided(self, model: Denoiser) -> Denoiser:
        def decoupled(cond, null):
            if cond.ndim != 4:
                raise ValueError(f"{self.name} is for images (b, channels, height, width), not for shape {tuple(cond.shape)}")
            updates = laplacian(cond - null, len(self.scales))
            if self.parallel_weights is not None:
                along = [parallel(update, level) for update, level in zip(updates, laplacian(cond, len(self.scales)))]
                updates = [d + (p - 1) * part for d, p, part in zip(updates, self.parallel_weights, along)]
            return cond + self.w * merged([scale * update for scale, update in zip(self.scales, updates)])

        return combined(model, in_space(self.space, decoupled))
