"""How far samples are from those of many more steps, against the number of steps."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures.style import head, name_ends, panels, scale_log


def distance_to_fine(distances: pd.DataFrame, fine: int, about: str) -> Figure:
    """One curve per column, against T, the index, on logarithmic axes: a method of order p falls with slope -p.

    distances: of which every entry is a mean root mean square distance to the samples of `fine` steps.
    """
    figure, (axes,) = panels(1, 1, (6.4, 4.0))
    shades = dict(zip(distances, seaborn.color_palette("colorblind", distances.shape[1]).as_hex()))
    for i, (name, shade) in enumerate(shades.items()):  # curves that coincide are seen: each marker is another
        axes.plot(distances.index, distances[name], color=shade, marker="os^Dv"[i % 5], ms=6, mfc="none", linewidth=1.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(distances.index)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps:g}"))
    scale_log(axes)
    axes.set(xlabel="steps T", ylabel=f"RMS distance to T = {fine:,}")
    head(axes, f"Distance to the samples of T = {fine:,}", about)
    name_ends(axes, [(float(distances[name].iloc[-1]), name, shade) for name, shade in shades.items()])
    return figure
