"""Randomness is an argument: one generator per sample and per training step, so no batch, device or resume changes it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

INDICES = 2**22  # torch's CPU generator keeps only 32 bits of its seed: 22 for the index, 10 for the seed
SEEDS = 2**10


def generator(seed: int, index: int) -> torch.Generator:
    """The CPU generator of (seed, index): a sample of a run, or a step of a training. Distinct pairs never collide."""
    if not (0 <= seed < SEEDS and 0 <= index < INDICES):
        raise ValueError(f"seed must lie in [0, {SEEDS}) and index in [0, {INDICES}), not {seed} and {index}")
    return torch.Generator().manual_seed(seed * INDICES + index)


class SampleNoise:
    """Standard normal noise for one trajectory of a batch, drawn per sample.

    Drawn on the CPU and moved, so that a GPU starts from the same noise as a CPU.
    """

    def __init__(self, seed: int, indices: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"):
        self.generators = [generator(seed, i) for i in indices]
        self.shape, self.device = tuple(shape), device

    def __call__(self) -> Float[Tensor, "b *shape"]:
        """The next draw, (len(indices), *shape) float32."""
        return torch.stack([torch.randn(self.shape, generator=g) for g in self.generators]).to(self.device)
