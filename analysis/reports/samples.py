"""Samples of a cell, small enough to lie in a page: images as one PNG, points of the plane as bytes."""

import base64
from collections.abc import Sequence

import numpy as np

from analysis.figures.pictures import as_bytes, png_of, tiled
from analysis.results import Cell

N_IMAGES, ACROSS = 8, 4
N_POINTS = 200
LARGEST = 64  # pixels of an image's longer side, above which blocks of pixels are averaged
BUDGET = 600_000  # characters of all samples of a page


def samples_of(cells: Sequence[Cell], budget: int = BUDGET) -> tuple[list[dict], dict[int, int]]:
    """The first samples of each cell, equal ones once, and by the cell's place which of them are its own.

    An entry is {"image": data URI, "count"} or {"points": base64 of bytes (k, 3): x, y, label}, y upwards, over [-reach, reach].
    Cells whose samples are gone, or are neither images nor points, have none; nor have those behind the budget, in characters.
    """
    drawn = {place: found for place, cell in enumerate(cells) if not cell.shown and (found := _first(cell)) is not None}
    flat = [np.abs(x).ravel() for x, _ in drawn.values() if x.ndim == 2]
    reach = 1.05 * float(np.quantile(np.concatenate(flat), 0.995)) if flat else 1.0
    entries: list[dict] = []
    known: dict[str, int] = {}
    places: dict[int, int] = {}
    spent = 0
    for place, cell in enumerate(cells):
        if cell.shown:
            entry = dict(cell.shown)
        elif place in drawn:
            x, label = drawn[place]
            entry = _points(x, label, reach) if x.ndim == 2 else _image(x)
        else:
            continue
        key = entry.get("image") or entry["points"]
        if key not in known:
            if spent + len(key) > budget:
                continue
            spent += len(key)
            known[key] = len(entries)
            entries.append(entry)
        places[place] = known[key]
    return entries, places


def _first(cell: Cell) -> tuple[np.ndarray, np.ndarray] | None:
    """The first images as bytes, or points (k, 2), with their labels."""
    try:
        x, label = cell.draw()
        if x.ndim == 2 and x.shape[1] == 2:
            return x[:N_POINTS].astype(np.float64), label[:N_POINTS]
        return as_bytes(x[:N_IMAGES]), label[:N_IMAGES]
    except Exception:  # a page without some samples is better than none, and the section of samples says why they are missing
        return None


def _image(images: np.ndarray) -> dict:
    every = -(-max(images.shape[1:3]) // LARGEST)
    if every > 1:
        height, width = (size // every * every for size in images.shape[1:3])
        blocks = images[:, :height, :width].reshape(len(images), height // every, every, width // every, every, *images.shape[3:])
        images = np.round(blocks.mean(axis=(2, 4))).astype(np.uint8)
    data = base64.b64encode(png_of(tiled(images, ACROSS))).decode()
    return {"image": f"data:image/png;base64,{data}", "count": len(images)}


def _points(x: np.ndarray, label: np.ndarray, reach: float) -> dict:
    scaled = np.clip(np.round((np.nan_to_num(x) / reach + 1) * 127.5), 0, 255)
    rows = np.column_stack([scaled, label]).astype(np.uint8)
    return {"points": base64.b64encode(rows.tobytes()).decode()}
