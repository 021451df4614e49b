"""Bytes as a pretrained network wants them: three channels, its size, its mean and standard deviation."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

INTERPOLATIONS = ("bicubic", "bilinear", "nearest")


def prepared(
    images: UInt8[Tensor, "b c h w"], size: int, interpolation: str, mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "b 3 size size"]:
    """Images as (x / 255 - mean) / std at size x size; one channel is repeated to three. ValueError for another number of them.

    bicubic and bilinear are torch's with antialias, which for bicubic is EDM2's choice; values that overshoot are not clipped,
    as there. A side that fits is left alone.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images are {images.dtype} {tuple(images.shape)}: give uint8 (n, 1 or 3, h, w)")
    x = images.expand(-1, 3, -1, -1).float()
    if x.shape[-2:] != (size, size):
        smooth = {} if interpolation == "nearest" else {"antialias": True, "align_corners": False}
        x = F.interpolate(x, size=(size, size), mode=interpolation, **smooth)
    scale, shift = (torch.tensor(list(held), device=x.device)[:, None, None] for held in (std, mean))
    return (x / 255 - shift) / scale
