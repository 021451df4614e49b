"""The Laplacian pyramid (Burt & Adelson, 1983) of images of any size; what is taken apart is put together again exactly."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def laplacian(images: Float[Tensor, "b c h w"], levels: int) -> list[Tensor]:
    """`levels` images, from the finest detail to the coarse rest, each level half as large as the one before (rounded up).

    ValueError for images too small to be halved so often.
    """
    parts = []
    for _ in range(levels - 1):
        if min(images.shape[-2:]) < 2:
            raise ValueError(f"levels is {levels}: images of {tuple(images.shape[-2:])} cannot be halved so often")
        coarse = F.avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False)
        parts.append(images - _enlarged(coarse, images))
        images = coarse
    return [*parts, images]


def merged(parts: Sequence[Tensor]) -> Float[Tensor, "b c h w"]:
    """The images of a pyramid."""
    images = parts[-1]
    for detail in reversed(parts[:-1]):
        images = detail + _enlarged(images, detail)
    return images


def _enlarged(coarse: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(coarse, size=like.shape[-2:], mode="bilinear", align_corners=False)
