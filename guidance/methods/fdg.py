"""Frequency-decoupled guidance (FDG). Sadat et al., 2025, arXiv 2506.19713, Algorithms 1 and 2.

D~ = sum over the levels l of a Laplacian pyramid of  D_c[l] + w s_l (d_perp + p_l d_par),

d = D_c[l] - D_u[l], parallel and perpendicular to D_c[l].
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

    w: of the finest level in the paper. scales: s_l, from the finest level to the coarsest, as many as the pyramid has levels;
    1 and 4 / 9 for the paper's guidance scales 10 and 5. parallel: p_l, likewise (None: 1 for all, no projection). space: x.
    For images (b, channels, height, width) of any size.
    """

    w: float = 9.0
    scales: tuple[float, ...] = (1.0, 4 / 9)
    parallel: tuple[float, ...] | None = None
    space: str = "x"

    def __post_init__(self):
        super().__post_init__()
        for name in ("scales", "parallel"):  # lists, from JSON
            object.__setattr__(self, name, getattr(self, name) and tuple(getattr(self, name)))
        if len(self.scales) < 2 or not all(map(math.isfinite, self.scales)):
            raise ValueError(f"scales must be two or more finite numbers, not {self.scales}")
        if self.parallel is not None and (len(self.parallel) != len(self.scales) or not all(map(math.isfinite, self.parallel))):
            raise ValueError(f"parallel must be {len(self.scales)} finite numbers, one for each of scales, not {self.parallel}")

    def guided(self, model: Denoiser) -> Denoiser:
        def decoupled(cond, null):
            if cond.ndim != 4:
                raise ValueError(f"{self.name} is for images (b, channels, height, width), not for shape {tuple(cond.shape)}")
            updates = laplacian(cond - null, len(self.scales))
            if self.parallel is not None:
                along = [parallel(update, level) for update, level in zip(updates, laplacian(cond, len(self.scales)))]
                updates = [d + (p - 1) * part for d, p, part in zip(updates, self.parallel, along)]
            return cond + self.w * merged([scale * update for scale, update in zip(self.scales, updates)])

        return combined(model, in_space(self.space, decoupled))
