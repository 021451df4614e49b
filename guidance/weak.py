"""Guidance by a worse version of the model itself: what such methods share."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, weighted_sum
from guidance.methods.method import Method


@dataclass(frozen=True)
class WeakBranch(Method, family="weak branch", direction="weak"):
    """Base: D_c + w (D_c - D_k), D_k the model itself evaluated in a way that makes it worse.

    null: the share of classifier-free guidance added to it, w null (D_c - D_u); 0 leaves it out, and saves its pass. Papers
    that add guidance of strength s to classifier-free guidance of scale W mean w = s and null = (W - 1) / s. It stays on outside
    the window of lambda, which is the weak branch's, as in Stable Diffusion 3.5.
    """

    null: float = 0.0

    @property
    def nfe_per_call(self) -> NFE:
        """Two forwards, and a third where `null` is not 0."""
        return NFE(denoiser_forward=3 if self.null else 2)

    @property
    def nfe_outside(self) -> NFE:
        """A forward, and a second where `null` is not 0."""
        return NFE(denoiser_forward=2 if self.null else 1)

    def outside(self, model: Denoiser) -> Denoiser:
        """The share of classifier-free guidance alone."""
        share = self.w * self.null
        weights = [1 + share, -share]
        return (lambda z, logsnr, label: weighted_sum(model, z, logsnr, [label, None], weights)) if share else model

    def with_cfg(self, model: Denoiser, branch: Callable[..., Branch]) -> Denoiser:
        """The guided denoiser, with the share `null` of classifier-free guidance; branch(z, logsnr, label) is the weak branch."""
        weights = [1 + self.w * (1 + self.null), -self.w, -self.w * self.null]
        nulls = [None] if self.null else []

        def guided(z, logsnr, label):
            labels = [label, branch(z, logsnr, label), *nulls]
            return weighted_sum(model, z, logsnr, labels, weights[: len(labels)])

        return guided


def gaussian_vector(noise: Callable[[], Tensor], width: int) -> Float[Tensor, "b width"]:
    """`width` standard normal numbers for each sample, from as many draws of the role noise as that takes."""
    draws = [noise().flatten(1)]
    draws += [noise().flatten(1) for _ in range(math.ceil(width / draws[0].shape[1]) - 1)]
    return torch.cat(draws, 1)[:, :width]


def parse_indices(text: str, size: int) -> list[int]:
    """The indices that `text` names among `size`: "middle", "all", or numbers with commas between them.

    ValueError for what names none, or if there are none.
    """
    if size == 0:
        raise ValueError("the network has no such layers to perturb: give its levels attention")
    if text in ("middle", "all"):
        return [size // 2] if text == "middle" else list(range(size))
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise ValueError(f'layers must be "middle", "all" or indices such as "0,2", not {text!r}')
    return [int(part) for part in text.split(",")]
