"""Feedback guidance (FBG). Koulischer et al., 2025, arXiv 2506.06085, eqs. 11 to 13.

eps~ = eps_c + w (s - 1) (eps_c - eps_u),   s = e^L / (e^L - (1 - pi)),   L = log p(z | c) / p(z) along the trajectory so far

Derived: if what the network has learned is the mixture pi p(z|c) + (1 - pi) p(z), then s eps_c - (s - 1) eps_u is the eps of
p(z|c). L adds up the log-ratio of the two reverse steps' densities, of equal variance, at the state that the sampler went to.
"""

import math
from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.level import level_of
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.samplers.ancestral import step_coefficients
from guidance.scale import like


@dataclass(frozen=True)
class Feedback(
    Method,
    name="feedback",
    family="classifier-free",
    requires_model=("null", "state"),
    requires_sampler=("single_call",),
    nfe_per_call=NFE(denoiser_forward=2),
):
    """Guides a sample the less, the more probable its own trajectory makes its class.

    w: the paper's guidance is w = 1. pi: how much of what was learned is conditional; max_scale: the largest s; temperature,
    offset: L grows by temperature times the log-ratio, less offset, each step (in the paper they are set by two times in [0, 1]
    at which s has given values; here they are 1 and 0). The steps' variance is the ancestral sampler's with v = 0, whatever the
    sampler.
    """

    pi: float = 0.95
    max_scale: float = 10.0
    temperature: float = 1.0
    offset: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.pi < 1:
            raise ValueError(f"pi must lie in (0, 1), not {self.pi}")
        if not self.max_scale > 1 / self.pi:
            raise ValueError(f"max_scale must exceed 1 / pi, the scale at the start, not {self.max_scale}")

    def guided(self, model: Denoiser) -> Denoiser:
        ratio, previous = None, None
        min_ratio = math.log((1 - self.pi) * self.max_scale / (self.max_scale - 1))  # of L: where s is `max_scale`

        def guided(z, logsnr, label):
            nonlocal ratio, previous
            current = level_of(logsnr)
            ratio = torch.zeros(len(z), dtype=z.dtype, device=z.device) if ratio is None else ratio
            if previous is not None and current > previous[0]:
                last_logsnr, last_z, c, u = previous
                coef_z, coef_x, log_var_min, _ = step_coefficients(last_logsnr, current)
                distances = [(z - coef_z * last_z - coef_x * x).flatten(1).square().sum(1) for x in (c, u)]
                ratio_new = ratio + self.temperature * (distances[1] - distances[0]) / (2 * math.exp(log_var_min)) - self.offset
                ratio = ratio_new.clamp(min=min_ratio)
            cond, null = branches(model, z, logsnr, [label, None])
            previous = current, z, cond.x, null.x
            scale = 1 / (1 - (1 - self.pi) * (-ratio).exp())
            return extrapolate(cond, null, like(self.w * (scale - 1), z))

        return guided
