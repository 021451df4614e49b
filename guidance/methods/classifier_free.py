"""Classifier-free guidance. Ho & Salimans, 2022, arXiv 2207.12598, eq. 6.

eps~ = (1 + w) eps(z, c) - w eps(z)
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches, weighted_sum
from guidance.diffusion import Prediction
from guidance.methods.method import Method


def extrapolate(cond: Prediction, null: Prediction, w: float | Tensor) -> Prediction:
    """cond + w (cond - null), in x and eps alike; a tensor w broadcasts against them."""
    if isinstance(w, Tensor):
        return cond._replace(x=cond.x + w * (cond.x - null.x), eps=cond.eps + w * (cond.eps - null.eps))
    return cond._replace(x=torch.lerp(null.x, cond.x, 1 + w), eps=torch.lerp(null.eps, cond.eps, 1 + w))


def combined(model: Denoiser, combine: Callable[..., Prediction]) -> Denoiser:
    """The denoiser combine(cond, null, z, logsnr) of the model's conditional and null predictions, evaluated together."""

    def guided(z, logsnr, label):
        cond, null = branches(model, z, logsnr, [label, None])
        return combine(cond, null, z, logsnr)

    return guided


@dataclass(frozen=True)
class ClassifierFree(
    Method,
    name="classifier-free",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={},
    tilted=True,
):
    """Extrapolates from the unconditional to the conditional prediction of one jointly trained model.

    w: -1 is the unconditional model.
    """

    w: float = 0.3

    def guided(self, model: Denoiser) -> Denoiser:
        return lambda z, logsnr, label: weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])
