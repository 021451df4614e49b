"""Samples as the papers show them: sheets of samples side by side, the same noise at every place of every sheet."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from analysis.figures.pictures import tiled
from analysis.figures.style import panels


def sheets(images: Mapping[str, UInt8[np.ndarray, "k ..."]], columns: int, title: str) -> Figure:
    """One sheet for each title, with `columns` images across; left the first.

    images: (k, h, w) grey or (k, h, w, 3) RGB bytes, as many in each. ValueError where they differ in shape.
    """
    if len({found.shape for found in images.values()}) != 1:
        raise ValueError("the sheets differ in their number or size of images: give each the same noise")
    drawn = {name: tiled(found, columns) for name, found in images.items()}
    height, width = next(iter(drawn.values())).shape[:2]
    across = 0.62 * columns
    figure, grid = panels(1, len(drawn), (across * len(drawn) + 0.4, across * height / width + 0.85))
    figure.get_layout_engine().set(wspace=0.06)
    for axes, (name, sheet) in zip(grid, drawn.items()):
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
