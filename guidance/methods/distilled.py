"""A student that was distilled from a guided teacher. Meng et al., 2022, arXiv 2210.03142, stage one.

D = D_student(z, lambda, c, w),   trained to be D_c + w (D_c - D_u) of its teacher
"""

from dataclasses import dataclass

import torch

from guidance.denoiser import Branch, Denoiser, branches
from guidance.methods.method import Method


@dataclass(frozen=True)
class Distilled(
    Method,
    name="distilled",
    family="classifier-free",
    requires_model=("strength",),
    reduces_to_cfg={},
    tilted=True,
):
    """Gives w to a network that is conditioned on it: guidance at the price of one evaluation, over the w of its training alone.

    It is classifier-free guidance as far as the student has learned its teacher's; the laws ask an exact student. ValueError for
    a w outside the model's `strength_range`, if it names one.
    """

    def __post_init__(self):
        super().__post_init__()
        if self.rescale:
            raise ValueError("rescale: distilled has no conditional prediction to rescale by; leave it at 0")

    def guided(self, model: Denoiser) -> Denoiser:
        if why := outside(self.w, getattr(model, "strength_range", None)):
            raise ValueError(f"distilled: {why}")

        def guided(z, logsnr, label):
            strength = torch.full_like(logsnr, self.w)
            return branches(model, z, logsnr, [Branch(label, strength=strength)])[0]

        return guided


def outside(w: float, trained: tuple[float, float] | None) -> str | None:
    """Why a student trained on these strengths cannot be asked at w; None if it can."""
    if trained is None or trained[0] <= w <= trained[1]:
        return None
    return f"w = {w:g} lies outside the [{trained[0]:g}, {trained[1]:g}] that the model was trained on"
