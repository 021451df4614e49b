"""Randomness is an argument: one generator per sample and per training step, so no batch, device or resume changes it."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

INDICES = 2**22  # torch's CPU generator keeps only 32 bits of its seed: 22 for the index, 10 for the seed
SEEDS = 2**10
BLOCK = 256  # numbers drawn from a generator at a time, or one draw if it is larger


def generator(purpose: str, seed: int, index: int) -> torch.Generator:
    """The CPU generator of (seed, index) for one purpose: index is a sample of a run, or a step of a training.

    purpose: any text, such as "sample" or "train denoising". Within a purpose distinct pairs never collide; between two purposes
    the pairs are in no relation: sample i of a seed shares no number with step i of a training of that seed.
    """
    if not (0 <= seed < SEEDS and 0 <= index < INDICES):
        raise ValueError(f"seed must lie in [0, {SEEDS}) and index in [0, {INDICES}), not {seed} and {index}")
    return torch.Generator().manual_seed(_mixed(seed * INDICES + index) ^ _key(purpose))


class SampleNoise:
    """Standard normal noise for one trajectory of a batch, drawn per sample.

    Drawn on the CPU and moved, so that a GPU starts from the same noise as a CPU. After the first draw each generator
    draws several at a time: for points in the plane the calls took longer than the numbers.
    """

    def __init__(
        self,
        seed: int,
        indices: Sequence[int],
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        purpose: str = "sample",
    ):
        self.generators = [generator(purpose, seed, i) for i in indices]
        self.shape, self.device = tuple(shape), device
        self.ready: Iterator[Tensor] = iter(())
        self.at_a_time = 1

    def __call__(self) -> Float[Tensor, "b *shape"]:
        """The next draw, (len(indices), *shape) float32."""
        draw = next(self.ready, None)
        if draw is None:
            shape = (self.at_a_time, *self.shape)
            self.ready = iter(torch.stack([torch.randn(shape, generator=g) for g in self.generators], 1))
            self.at_a_time = max(1, BLOCK // max(1, math.prod(self.shape)))
            draw = next(self.ready)
        return draw.to(self.device)


def _mixed(bits: int) -> int:
    """A permutation of the 32-bit numbers without order (the last steps of MurmurHash3), to be XORed with a purpose's key.

    The key alone would make seed s of one purpose the seed s XOR d of another, sample by sample in order.
    """
    bits = (bits ^ bits >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    bits = (bits ^ bits >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return bits ^ bits >> 16


@cache
def _key(purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:4], "little")
