"""The Laplacian pyramid (Burt & Adelson, 1983) of images of any size; what is taken apart is put together again exactly.

Both ways images are blurred by the kernel [1 4 6 4 1]/16, mirrored at the edges, and resized bilinearly by two: the pyramid of
kornia, which the paper of frequency-decoupled guidance uses.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
SMALLEST = 3  # pixels of a side that the kernel's two can be mirrored in


def laplacian(images: Float[Tensor, "b c h w"], levels: int) -> list[Tensor]:
    """`levels` images, from the finest detail to the coarse rest, each level half as large as the one before (rounded up).

    ValueError for images too small to be halved so often.
    """
    parts = []
    for _ in range(levels - 1):
        if min(images.shape[-2:]) < SMALLEST:
            raise ValueError(f"levels is {levels}: images of {tuple(images.shape[-2:])} cannot be halved so often")
        half = [(side + 1) // 2 for side in images.shape[-2:]]
        coarse = F.interpolate(_blurred(images), size=half, mode="bilinear", align_corners=False)
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
    return _blurred(F.interpolate(coarse, size=like.shape[-2:], mode="bilinear", align_corners=False))


def _blurred(images: Tensor) -> Tensor:
    shape, blurred = images.shape, F.pad(images, (2, 2, 2, 2), mode="reflect")
    for side in (-2, -1):
        blurred = torch.stack([weight * blurred.narrow(side, i, shape[side]) for i, weight in enumerate(KERNEL)]).sum(0)
    return blurred
