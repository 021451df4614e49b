"""Images as tensors and as bytes."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def to_uint8(x: Float[Tensor, "n c h w"]) -> np.ndarray:
    """Images in [-1, 1] as bytes (n, h, w, c): clipped and rounded, at this one place."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_uint8(images: np.ndarray) -> Float[Tensor, "n c h w"]:
    """Bytes (n, h, w, c) as images in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
