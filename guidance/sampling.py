"""From a denoiser to samples: the noise, the grid and the loop put together once."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.denoiser import Denoiser
from guidance.seeding import SAMPLES, SampleNoise


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Callable[..., Tensor],
    logsnrs: Float[Tensor, " steps"],
    label: Int[Tensor, " b"],
    shape: Sequence[int],
    seed: int,
    indices: Sequence[int] | None = None,
) -> Float[Tensor, "b *shape"]:
    """Samples x (b, *shape) with labels `label`, on label's device; sample i is made of the noise of (seed, indices[i]).

    indices: which samples of the seed these are (0, 1, ... if None), so that a set may be made in parts. Memory for
    gradients is not kept; a classifier's own gradient is taken all the same.
    """
    noise = SampleNoise(seed, range(len(label)) if indices is None else indices, shape, label.device)
    return sampler(denoiser, noise(), logsnrs, label, noise)


def own_noise(seed: int, indices: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu") -> SampleNoise:
    """The role `noise` of a method for these samples: streams of theirs that no sampler draws from."""
    return SampleNoise(seed, [SAMPLES + index for index in indices], shape, device)
