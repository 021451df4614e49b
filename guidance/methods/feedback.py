"""Feedback guidance (FBG). Koulischer et al., 2025, arXiv 2506.06085, eqs. 11 to 13.

eps~ = eps_c + w (s - 1) (eps_c - eps_u),   s = e^L / (e^L - (1 - pi)),   L = log p(z | c) / p(z) along the trajectory so far

Derived: if what the network has learned is the mixture pi p(z|c) + (1 - pi) p(z), then s eps_c - (s - 1) eps_u is the eps of
p(z|c). L adds up the log-ratio of the two reverse steps' densities, of equal variance, at the state that the sampler went to.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.samplers.ancestral import step_coefficients
from guidance.scale import like


@dataclass(frozen=True)
class Feedback(Method):
    """Guides a sample as much as it still needs: less, the surer its own trajectory makes it that it is of its class.

    w: the paper's guidance is w = 1. pi: how much of what was learned is conditional; most: the largest s; temperature, offset: L
    grows by temperature times the log-ratio, less offset, each step (in the paper they are set by two times in [0, 1] at which s
    takes given values; here they are 1 and 0). The steps' variance is the ancestral sampler's with v = 0, whatever the sampler.
    """

    pi: float = 0.95
    most: float = 10.0
    temperature: float = 1.0
    offset: float = 0.0
    name: ClassVar[str] = "feedback"
    family: ClassVar[str] = "classifier-free"
    needs: ClassVar[tuple[str, ...]] = ("null", "state")
    asks: ClassVar[tuple[str, ...]] = ("single",)
    price: ClassVar[NFE] = NFE(denoiser_forward=2)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.pi < 1:
            raise ValueError(f"pi must lie in (0, 1), not {self.pi}")
        if not self.most > 1 / self.pi:
            raise ValueError(f"most must exceed 1 / pi, the scale at the start, not {self.most}")

    def guided(self, model: Denoiser) -> Denoiser:
        ratio, before = None, None
        least = math.log((1 - self.pi) * self.most / (self.most - 1))  # of L: where s is `most`

        def guided(z, logsnr, label):
            nonlocal ratio, before
            here = logsnr[0].item()
            ratio = torch.zeros(len(z), dtype=z.dtype, device=z.device) if ratio is None else ratio
            if before is not None and here > before[0]:
                last, old, c, u = before
                kept, gain, smaller, _ = step_coefficients(last, here)
                far = [(z - kept * old - gain * x).flatten(1).square().sum(1) for x in (c, u)]
                grown = ratio + self.temperature * (far[1] - far[0]) / (2 * math.exp(smaller)) - self.offset
                ratio = grown.clamp(min=least)
            cond, null = branches(model, z, logsnr, [label, None])
            before = here, z, cond.x, null.x
            scale = 1 / (1 - (1 - self.pi) * (-ratio).exp())
            return extrapolate(cond, null, like(self.w * (scale - 1), z))

        return guided
