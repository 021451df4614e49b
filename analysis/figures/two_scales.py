"""What each pair of two scales reads, as heat maps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from analysis import metrics as described
from analysis.figures.style import head, panels
from analysis.headline import decimals
from analysis.statistics.two_scales import SCALES, means


def heat_maps(grid: pd.DataFrame, metrics: Sequence[str], subtitle: str) -> Figure:
    """One panel for each metric, its means written in the cells: class scale down, second scale to the right.

    Darker is better, and more where neither direction is. grid: of analysis.statistics.two_scales.grids.
    """
    columns = min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    tall, wide = (grid[scale].nunique() for scale in SCALES)
    figure, axes_of = panels(rows, columns, (columns * (1.3 + 0.72 * wide), rows * (1.6 + 0.42 * tall)))
    for axes, metric in zip(axes_of, metrics):
        about, cells = described.metric(metric), means(grid, metric)
        values = cells["value"].unstack()
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        norm = LogNorm(low, high) if about.log and 0 < low < high else Normalize(low, high)
        ramp = "crest_r" if about.higher_is_better is False else "crest"
        heat = {"cmap": ramp, "norm": norm, "cbar": False, "linewidths": 1.5, "annot_kws": {"size": 9}}
        axes.grid(False)
        seaborn.heatmap(values, ax=axes, annot=True, fmt=f".{decimals(cells)}f", **heat)
        axes.set_yticklabels([f"{scale:g}" for scale in values.index], rotation=0)
        axes.set_xticklabels([f"{scale:g}" for scale in values.columns], rotation=0)
        axes.set(xlabel="second scale", ylabel="class scale")
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
        behind = {"features": f"{about.of} features", "classifier": f"by {about.of}"}.get(about.suffix, "") if about.of else ""
        head(axes, about.heading, behind or subtitle)
    for axes in axes_of[len(metrics) :]:
        axes.set_visible(False)
    return figure
