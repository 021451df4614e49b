"""Images as tensors and as bytes."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from experiments.worlds.pixels import Pixels
from guidance.noise import uniform_labels

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


def as_bytes(x: Tensor | Pixels) -> np.ndarray:
    """Images in [-1, 1] as bytes (n, h, w, c); those that are bytes already are not made floats in between."""
    return np.ascontiguousarray(x.bytes().transpose(0, 2, 3, 1)) if isinstance(x, Pixels) else to_uint8(x)


class FromBytes:
    """Bytes (n, h, w, c) as images in [-1, 1] where they are sliced: n of them as floats would be four times as large.

    numpy: whether a slice is an array instead of a tensor.
    """

    def __init__(self, images: np.ndarray, numpy: bool = False):
        self.images, self.as_numpy = images, numpy

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> Any:
        x = from_uint8(self.images[rows])
        return x.numpy() if self.as_numpy else x

    def split(self, size: int) -> Iterator[Float[Tensor, "b c h w"]]:
        """All of them, `size` at a time."""
        return (from_uint8(self.images[start : start + size]) for start in range(0, len(self), size))


def labels_of(labels: Labels, classes: int, seed: int, indices: Sequence[int]) -> np.ndarray:
    """The label of each sample (int64): a function of (seed, index) alone."""
    if labels == "balanced":
        return np.asarray(indices) % classes
    return uniform_labels(seed, indices, classes).numpy()
