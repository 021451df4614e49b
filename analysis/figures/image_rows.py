"""Rows of images, each with a name, under columns with titles."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from analysis.figures.style import panels


def image_rows(
    rows: Sequence[Sequence[UInt8[np.ndarray, "height width ..."]]], titles: Sequence[str], names: Sequence[str]
) -> Figure:
    """An image of each row and column, grey (h, w) or (h, w, 3), as `analysis.figures.pictures.as_bytes` makes them.

    ValueError where a row has no image for a title, or a row no name.
    """
    if len(names) != len(rows) or any(len(row) != len(titles) for row in rows):
        raise ValueError(f"{len(names)} names and {len(titles)} titles for rows of {[len(row) for row in rows]} images")
    across, down = len(titles), len(rows)
    figure, grid = panels(down, across, (1.2 + 0.9 * across, 0.3 + 0.95 * down))
    for i, axes in enumerate(grid):
        row, column = divmod(i, across)
        axes.imshow(rows[row][column], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if row == 0:
            axes.set_title(titles[column], fontsize=9)
        if column == 0:
            axes.set_ylabel(names[row], fontsize=9, rotation=0, ha="right", va="center")
    return figure
