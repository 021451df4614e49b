"""Images as tensors and as bytes."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Labels = Literal["balanced", "random"]  # of samples
Rounding = Literal["nearest", "down"]


def to_uint8(x: Float[Tensor, "n c h w"], rounding: Rounding = "nearest") -> np.ndarray:
    """Images in [-1, 1] as bytes (n, h, w, c): clipped and rounded, at this one place.

    rounding: "down" is what guided-diffusion's samples are saved with. It is for samples alone: bytes that became numbers in
    [-1, 1] may lie below their own value by rounding, and would lose a level.
    """
    levels = (x.clamp(-1, 1) + 1) * 127.5
    levels = levels.round() if rounding == "nearest" else levels.floor()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_uint8(images: np.ndarray) -> Float[Tensor, "n c h w"]:
    """Bytes (n, h, w, c) as images in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
