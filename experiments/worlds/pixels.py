"""Images as the bytes that they are kept as, in memory or mapped from a file: x = byte / 127.5 - 1 where they are read."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

RELEASE = 16 * 2**20  # bytes read of a file before its pages are given back: they count as this process's memory until then


class Pixels:
    """n images (c, h, w), uint8, that are float32 in [-1, 1] wherever they are indexed, and nowhere else.

    `x[rows]` for a number, a slice or a tensor of row numbers or booleans is a float tensor of those rows alone; `x.split(size)`
    runs through all of them; `x.subset(rows)` stays bytes. `len(x)` and `x.shape` are those of the tensor that it stands for.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray | None = None, mapped: "Mapped | None" = None):
        self.array, self.rows, self.mapped = array, rows, mapped

    @classmethod
    def of_file(cls, path: Path, shape: tuple[int, ...]) -> "Pixels":
        """Those of a file of nothing but bytes, mapped into memory. ValueError for one of another length."""
        mapped = Mapped(path, shape)
        return cls(mapped.array, None, mapped)

    def __len__(self) -> int:
        return len(self.array) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.array.shape[1:]))

    def __getitem__(self, rows: Any) -> Float[Tensor, "*n c h w"]:
        return floats(self.bytes(rows))

    def bytes(self, rows: Any = slice(None)) -> np.ndarray:
        """A copy of these rows as they are kept."""
        rows = rows.numpy() if isinstance(rows, Tensor) else rows
        chosen = self.array[rows if self.rows is None else self.rows[rows]]
        copied = chosen.copy() if isinstance(rows, (int, np.integer, slice)) else chosen  # an array of rows has copied
        if self.mapped is not None:
            self.mapped.count(copied.nbytes)
        return copied

    def split(self, size: int) -> Iterator[Float[Tensor, "b c h w"]]:
        """All of them, `size` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def subset(self, rows: Any) -> "Pixels":
        """These rows, still bytes."""
        rows = rows.numpy() if isinstance(rows, Tensor) else rows
        return Pixels(self.array, (np.arange(len(self.array)) if self.rows is None else self.rows)[rows], self.mapped)

    def __reduce__(self) -> tuple:
        """To another process goes where they lie, not what they are."""
        if self.mapped is None:
            return Pixels, (self.array, self.rows)
        return _again, (self.mapped.path, tuple(self.array.shape), self.rows)


class Mapped:
    """A file of bytes in memory, whose pages are given back once RELEASE bytes were read; reading them again costs a copy."""

    def __init__(self, path: Path, shape: tuple[int, ...]):
        self.path, self.read = path, 0
        if path.stat().st_size != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{path} has {path.stat().st_size:,} bytes, and {shape} is {np.prod(shape, dtype=np.int64):,}")
        with path.open("rb") as file:
            self.pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.array = np.frombuffer(self.pages, dtype=np.uint8).reshape(shape)

    def count(self, read: int) -> None:
        """So many more bytes were read."""
        self.read += read
        if self.read >= RELEASE and hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)
            self.read = 0


def floats(images: np.ndarray) -> Float[Tensor, "*n c h w"]:
    """Bytes as float32 in [-1, 1]."""
    return torch.from_numpy(images).float().div_(127.5).sub_(1)


def _again(path: Path, shape: tuple[int, ...], rows: np.ndarray | None) -> Pixels:
    whole = Pixels.of_file(path, shape)
    return whole if rows is None else Pixels(whole.array, rows, whole.mapped)
