"""What a deterministic sampler makes of the latents between two others, in a world whose density is known."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guidance import SAMPLERS, SampleNoise
from guidance.interpolation import slerp

CLEAN = 60.0  # the lambda of data without noise, to float32


def between(
    oracle: Any,
    levels: Float[Tensor, " steps"],
    shape: tuple[int, ...],
    label: int,
    shares: Float[Tensor, " n"],
    seed: int = 0,
) -> tuple[Float[Tensor, "n *shape"], Float[Tensor, "n *shape"]]:
    """DDIM's images of the latents on the arc between the first two of a seed, and the mixtures of the images at its ends.

    oracle: a Denoiser, `guidance.Mixture` say. shares: of the second latent, from 0 to 1.
    """
    first, second = SampleNoise(seed, range(2), shape)()
    label_of_all = torch.full((len(shares),), label)
    made = SAMPLERS["ddim"]()(oracle, slerp(first, second, shares), levels, label_of_all, noise=lambda: None)
    part = shares.reshape(-1, *(1,) * len(shape))
    return made, (1 - part) * made[0] + part * made[-1]


def nats_per_pixel(oracle: Any, x: Float[Tensor, "n *shape"], label: int) -> Float[Tensor, " n"]:
    """log p(x | label) of the exact density, divided by the number of dimensions."""
    n = len(x)
    return oracle.log_prob(x, torch.full((n,), CLEAN), torch.full((n,), label)) / x[0].numel()
