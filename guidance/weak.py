"""Guidance by a worse version of the model itself: what the methods that ask one share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, mixed
from guidance.methods.method import Method


@dataclass(frozen=True)
class WeakBranch(Method):
    """Base: D_c + w (D_c - D_k), D_k the model itself asked in a way that makes it worse.

    null: the share of classifier-free guidance beside it, w null (D_c - D_u); 0 leaves it out, and saves its pass. Papers
    that add guidance of strength s to classifier-free guidance of scale W mean w = s and null = (W - 1) / s.
    """

    null: float = 0.0
    family: ClassVar[str] = "weak branch"

    @property
    def price(self) -> NFE:
        """Two forwards, and a third where `null` is not 0."""
        return NFE(denoiser_forward=3 if self.null else 2)

    def beside(self, model: Denoiser, branch: Callable[..., Branch]) -> Denoiser:
        """The guided denoiser; branch(z, logsnr, label) is how the weak branch is asked."""
        weights = [1 + self.w * (1 + self.null), -self.w, -self.w * self.null]
        nulls = [None] if self.null else []

        def guided(z, logsnr, label):
            asked = [label, branch(z, logsnr, label), *nulls]
            return mixed(model, z, logsnr, asked, weights[: len(asked)])

        return guided


def numbers(noise: Callable[[], Tensor], width: int) -> Float[Tensor, "b width"]:
    """`width` standard normal numbers a sample, made of as many draws of the role noise as that takes."""
    drawn = [noise().flatten(1)]
    drawn += [noise().flatten(1) for _ in range(math.ceil(width / drawn[0].shape[1]) - 1)]
    return torch.cat(drawn, 1)[:, :width]


def chosen(which: str, there: int) -> list[int]:
    """The indices that `which` names among `there`: "middle", "all", or numbers with commas between them.

    ValueError for what names none, or if there are none.
    """
    if there == 0:
        raise ValueError("the network has no such layers to alter: give its levels attention")
    if which in ("middle", "all"):
        return [there // 2] if which == "middle" else list(range(there))
    if not all(part.strip().isdecimal() for part in which.split(",")):
        raise ValueError(f'layers must be "middle", "all" or indices such as "0,2", not {which!r}')
    return [int(part) for part in which.split(",")]
