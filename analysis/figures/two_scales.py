"""Heat maps over two scales: the class's down, the second condition's across."""

from collections.abc import Mapping

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from analysis.figures.style import head, panels


def heat_maps(grids: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel for each title; the number of every cell in it. ValueError without a grid."""
    if not grids:
        raise ValueError("nothing was measured over two scales")
    columns = min(2, len(grids))
    rows = -(-len(grids) // columns)
    figure, places = panels(rows, columns, (0.6 + 5.0 * columns, 3.9 * rows))
    for axes, (title, grid) in zip(places, grids.items()):
        shown = grid.rename(index="{:g}".format, columns="{:g}".format)
        seaborn.heatmap(shown, ax=axes, annot=True, fmt=".3g", cmap="crest", cbar=False, linewidths=0.5, annot_kws={"size": 10})
        axes.set_xlabel("scale of the second label")
        axes.set_ylabel("scale of the class")
        axes.tick_params(length=0, rotation=0)
        head(axes, title, "means over runs")
    for axes in places[len(grids) :]:
        axes.set_visible(False)
    return figure
