"""What every sampler's loop needs of its grid of lambda."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def levels(logsnrs: Float[Tensor, " steps"]) -> list[float]:
    """The grid as floats. ValueError unless it is finite and increases strictly, from noise to data."""
    if len(logsnrs) < 2 or not (logsnrs.isfinite().all() and (logsnrs.diff() > 0).all()):
        raise ValueError("logsnrs must be two or more finite values that increase strictly, from noise to data")
    return logsnrs.tolist()


def at(logsnr: float, z: Float[Tensor, "b *shape"]) -> Float[Tensor, " b"]:
    """`logsnr` for every row of z, as a denoiser takes it."""
    return torch.full((len(z),), logsnr, dtype=z.dtype, device=z.device)


def alpha_sigma_at(logsnr: float) -> tuple[float, float]:
    """alpha and sigma of one level, as floats."""
    return math.sqrt(1 / (1 + math.exp(-logsnr))), math.sqrt(1 / (1 + math.exp(logsnr)))
