"""Classifier-free guidance. Ho & Salimans, 2022, arXiv 2207.12598, eq. 6.

eps~ = (1 + w) eps(z, c) - w eps(z)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches, mixed
from guidance.diffusion import Prediction
from guidance.methods.method import Method


def extrapolate(cond: Prediction, null: Prediction, w: float | Tensor) -> Prediction:
    """cond + w (cond - null), in x and eps alike; a tensor w broadcasts against them."""
    if isinstance(w, Tensor):
        return cond._replace(x=cond.x + w * (cond.x - null.x), eps=cond.eps + w * (cond.eps - null.eps))
    return cond._replace(x=torch.lerp(null.x, cond.x, 1 + w), eps=torch.lerp(null.eps, cond.eps, 1 + w))


def combined(model: Denoiser, combine: Callable[..., Prediction]) -> Denoiser:
    """The denoiser that says combine(cond, null, z, logsnr) of the model's conditional and null beliefs, asked together."""

    def guided(z, logsnr, label):
        cond, null = branches(model, z, logsnr, [label, None])
        return combine(cond, null, z, logsnr)

    return guided


@dataclass(frozen=True)
class ClassifierFree(Method):
    """Extrapolates from the unconditional to the conditional prediction of one jointly trained model.

    w: -1 is the unconditional model.
    """

    w: float = 0.3
    name: ClassVar[str] = "classifier-free"
    family: ClassVar[str] = "classifier-free"
    needs: ClassVar[tuple[str, ...]] = ("null",)
    price: ClassVar[NFE] = NFE(denoiser_forward=2)
    reduces: ClassVar[dict] = {}

    def guided(self, model: Denoiser) -> Denoiser:
        return lambda z, logsnr, label: mixed(model, z, logsnr, [label, None], [1 + self.w, -self.w])
