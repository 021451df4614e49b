"""Adaptive projected guidance (APG). Sadat, Hilliges & Weber, 2024, arXiv 2410.02416, Algorithm 1.

d <- (D_c - D_u) + beta d,   d' = min(1, r / ||d||) d,   D~ = D_c + w (d'_perp + eta d'_par),   par along D_c
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.level import ROUNDING
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.spaces import from_space, norm, parallel, to_space


@dataclass(frozen=True)
class APG(
    Method,
    name="apg",
    family="correction",
    requires_model=("null", "state"),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"eta": 1.0, "radius": None, "momentum": 0.0},
):
    """Drops the part of the update along the prediction, which saturates, bounds the update's norm and gives it momentum.

    eta: the share of the parallel part that is kept; radius: r, the largest norm of the update (norm_threshold of the authors'
    code), over all numbers of a sample, so that it must grow with resolution (None: no bound); momentum: beta, negative as in the
    paper; space: where all of this is done, x in the paper.
    form: what the projected update d'' is added to. "paper" (use_original_formulation of diffusers): D_c + w d''; "diffusers":
    D_u + (1 + w) d''; "comfyui": D_c + (1 + w) d'', one unit stronger.
    start, start_w: at lambda < start, plain classifier-free guidance with start_w, the momentum accumulating meanwhile, as in
    APG-mix of HunyuanImage 2.1 (start None: APG throughout; start_w None: w).
    axes: axes of z that norms and projections run over, as (1,), the channels of each pixel (None: all but the batch axis).
    """

    w: float = 3.0
    eta: float = 0.0
    radius: float | None = 5.0
    momentum: float = -0.5
    form: str = "paper"
    space: str = "x"
    start: float | None = None
    start_w: float | None = None
    axes: tuple[int, ...] | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.form not in ("paper", "diffusers", "comfyui"):
            raise ValueError(f"form must be paper, diffusers or comfyui, not {self.form!r}")
        if self.radius is not None and not self.radius > 0:
            raise ValueError(f"radius must be positive or None, not {self.radius}")
        if self.axes is not None:
            object.__setattr__(self, "axes", tuple(self.axes))  # a list, from JSON
            if not self.axes or min(self.axes) < 1:
                raise ValueError(
                    f"axes must be some of 1, 2, ... (0 is the batch's, and samples are independent), not {self.axes}"
                )

    def guided(self, model: Denoiser) -> Denoiser:
        running = None
        start = -math.inf if self.start is None else self.start
        start_w = self.w if self.start_w is None else self.start_w

        def project(cond, null, z, logsnr):
            nonlocal running
            c, u = to_space(cond, self.space, logsnr), to_space(null, self.space, logsnr)
            running = c - u if running is None else c - u + self.momentum * running
            if self.of_all_rows(lambda level: level < start - ROUNDING, logsnr):
                return extrapolate(cond, null, start_w)
            update = running if self.radius is None else running * (self.radius / norm(running, self.axes)).clamp(max=1)
            along = parallel(update, c, self.axes)
            update = update - along + self.eta * along
            base, strength = {"paper": (c, self.w), "diffusers": (u, 1 + self.w), "comfyui": (c, 1 + self.w)}[self.form]
            return from_space(cond, base + strength * update, self.space, z, logsnr)

        return combined(model, project)
