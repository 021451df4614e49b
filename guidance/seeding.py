"""Randomness is an argument: one generator per sample and per training step, so no batch, device or resume changes it."""

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

INDICES = 2**22  # torch's CPU generator keeps only 32 bits of its seed: 22 for the index, 10 for the seed
SAMPLES = 2**21  # the indices that samples may have; the other half are the same samples' streams for a method of their own
SEEDS = 2**10
BLOCK = 256  # numbers drawn from a generator at a time, or one draw if it is larger


def generator(seed: int, index: int) -> torch.Generator:
    """The CPU generator of (seed, index): a sample of a run, or a step of a training. Distinct pairs never collide."""
    if not (0 <= seed < SEEDS and 0 <= index < INDICES):
        raise ValueError(f"seed must lie in [0, {SEEDS}) and index in [0, {INDICES}), not {seed} and {index}")
    return torch.Generator().manual_seed(seed * INDICES + index)


class SampleNoise:
    """Standard normal noise for one trajectory of a batch, drawn per sample.

    Drawn on the CPU and moved, so that a GPU starts from the same noise as a CPU. After the first draw each generator
    draws several at a time: for points in the plane the calls took longer than the numbers.
    """

    def __init__(self, seed: int, indices: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"):
        self.generators = [generator(seed, i) for i in indices]
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
