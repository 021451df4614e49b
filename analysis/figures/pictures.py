"""Grids of samples."""

import struct
import textwrap
import zlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from analysis.figures.style import panels

LETTER, WIDE = 0.085, 0.1  # inches of a title's letter, and of a wide one


def samples_against_w(images_by_w: Mapping[float, UInt8[np.ndarray, "k ..."]], title: str) -> Figure:
    """Rows are seeds, columns are w growing to the right, as in Figures 1 and 3 of Ho & Salimans (arXiv 2207.12598).

    Each value holds k images as bytes, (k, h, w) grey or (k, h, w, 3) RGB; row i shows images_by_w[w][i], so give every w the
    same seeds in the same order. ValueError for other types or shapes, or if they differ between columns.
    """
    if not images_by_w:
        raise ValueError("images_by_w is empty: give at least one w")
    shapes = {np.shape(images) for images in images_by_w.values()}
    kinds = {np.asarray(images).dtype for images in images_by_w.values()}
    if len(shapes) > 1 or kinds != {np.dtype(np.uint8)}:
        raise ValueError(
            f"images_by_w has shapes {sorted(shapes)} of {sorted(map(str, kinds))}: give uint8 of one shape to every w"
        )
    shape = shapes.pop()
    if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)) or 0 in shape:
        raise ValueError(f"images_by_w holds arrays of shape {shape}: give (k, h, w) grey or (k, h, w, 3) RGB")
    count, height, width = shape[:3]
    cell, longest = 0.72, max(map(len, title.split()), default=0)
    across = max(0.72 * len(images_by_w) + 0.2, WIDE * (longest + 1))  # no word is cut
    lines = textwrap.wrap(title, int(across / LETTER), break_on_hyphens=False)
    figure, grid = panels(1, len(images_by_w), (across, cell * count * height / width + 0.75 + 0.2 * len(lines[1:])))
    for axes, w in zip(grid, sorted(images_by_w)):
        axes.imshow(_column(np.asarray(images_by_w[w])), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(f"w = {w:g}", fontsize=9.5)
        axes.set_axis_off()
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=12)
    return figure


def _column(images: np.ndarray) -> np.ndarray:
    """Images one under the other, with a white line of an eighth of their height between them."""
    gap = max(1, images.shape[1] // 8)
    padded = np.pad(images, [(0, 0), (0, gap)] + [(0, 0)] * (images.ndim - 2), constant_values=255)
    return padded.reshape(-1, *images.shape[2:])[:-gap]


def as_bytes(x: np.ndarray) -> UInt8[np.ndarray, "k ..."]:
    """Samples as they are shown: bytes (k, h, w, c) as they are, floats (k, c, h, w) clipped to [-1, 1] and rounded.

    Grey images lose their last axis. ValueError for what is no image of one or three channels.
    """
    if x.dtype != np.uint8:
        if x.ndim != 4:
            raise ValueError(f"samples of shape {x.shape[1:]} are no images")
        x = np.round((np.clip(x.astype(np.float32), -1, 1) + 1) * np.float32(127.5)).astype(np.uint8).transpose(0, 2, 3, 1)
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise ValueError(f"samples of shape {x.shape[1:]} are no images of one or three channels")
    return x[..., 0] if x.shape[-1] == 1 else x


def tiled(images: UInt8[np.ndarray, "k ..."], columns: int) -> UInt8[np.ndarray, "height width ..."]:
    """One image of k, in reading order, with a white line of a sixteenth of their height between them; the last row is filled up.

    images: (k, h, w) grey or (k, h, w, 3).
    """
    count, height, width = images.shape[:3]
    gap, rows = max(1, height // 16), -(-count // columns)
    padding = [(0, rows * columns - count), (0, gap), (0, gap)] + [(0, 0)] * (images.ndim - 3)
    cells = np.pad(images, padding, constant_values=255)
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(cells.reshape(rows * (height + gap), columns * (width + gap), *images.shape[3:])[:-gap, :-gap])


def png_of(image: UInt8[np.ndarray, "height width ..."], text: Mapping[str, str] | None = None) -> bytes:
    """An image of bytes, (h, w) grey or (h, w, 3) RGB, as PNG, pixel by pixel, with texts by keyword (ISO 15948, 11.3.4).

    The same bytes for the same image.
    """
    height, width = image.shape[:2]
    rows = np.pad(image.reshape(height, -1), [(0, 0), (1, 0)])  # every row begins with its filter: none
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0 if image.ndim == 2 else 2, 0, 0, 0))]
    chunks += [(b"tEXt", key.encode("latin-1") + b"\0" + said.encode("latin-1", "replace")) for key, said in (text or {}).items()]
    chunks += [(b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    framed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
