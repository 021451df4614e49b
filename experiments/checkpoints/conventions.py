"""What a world, no label, and a chain's t are to a network of others."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from experiments.problems import Problem
from guidance.adapters import ON_THE_CHAIN
from guidance.chains import Chain


def require_world(adapter: str, world: Any, shape: Sequence[int], classes: int | None) -> None:
    """Problem unless a world has samples of this shape and this many classes; None: the network asks for no label."""
    if tuple(world.shape) != tuple(shape) or classes not in (None, world.classes):
        own = " x ".join(map(str, shape)) + ("" if classes is None else f" of {classes} classes")
        theirs = f"{' x '.join(map(str, world.shape))} of {world.classes}"
        raise Problem(f"{adapter} is for {own}, but {world.name} has {theirs}: take a world or a checkpoint that fits")


def one_hot(label: Int[Tensor, " b"], classes: int) -> Float[Tensor, "b classes"]:
    """Labels as rows of a unit matrix, no label as zeros."""
    return F.one_hot(label, classes + 1)[:, :classes].float()


class ChainTime:
    """lambda to the t of a chain, whole or between two whole ones, linear in lambda there; float32.

    A t within a hundredth of a whole one is that one: at the chain's own levels the network sees what it was trained on, although
    lambda went through float32. ValueError for a lambda off the chain.
    """

    def __init__(self, chain: Chain):
        self.chain = chain
        self.range = chain.logsnrs[-1].item(), chain.logsnrs[0].item()  # of lambda

    def __call__(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        low, high = self.range
        inside = logsnr.double().clamp(low, high)
        if (off := (inside - logsnr).abs().max().item()) > 1e-3:
            raise ValueError(f"logsnr lies {off:.3g} outside [{low:.4f}, {high:.4f}], the ends of the checkpoint's chain")
        t = self.chain.t(inside)
        return torch.where((t - t.round()).abs() < ON_THE_CHAIN, t.round(), t).float()
