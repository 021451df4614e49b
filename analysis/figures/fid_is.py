"""The trade-off in one curve, as in Figure 4 of Ho & Salimans (arXiv 2207.12598)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis import metrics
from analysis.figures.colours import looks
from analysis.figures.curves import shared_once
from analysis.figures.labels import Point, label_panels, name_ends
from analysis.figures.style import GREY, colour, head, label_y, panels, scale_log
from analysis.figures.two_measures import never_better
from analysis.table import cells_at

_LEAST = 0.5  # of the height: where the methods that are no worse than w = 0 have less, they get a panel of their own


def fid_is_curve(summary: pd.DataFrame, *, sampler: str, steps: int, fid: str, score: str) -> Figure:
    """`score` to the right, `fid` upwards, a curve per method; every point is a w and bears its number, at the largest n.

    Bars are one standard deviation. Where methods whose `fid` is higher than at w = 0 whatever their w press the others into
    less than half of the height, a second panel shows these others. ValueError if the summary lacks a metric, this sampler or
    this number of steps.
    """
    down, right = cells_at(summary, fid, sampler, steps), cells_at(summary, score, sampler, steps)
    cells = down.merge(right, on=["method", "w", "n"], suffixes=("_fid", "_is"))
    cells = cells[cells["n"] == cells["n"].max()]
    drawn, worse = looks(list(dict.fromkeys(cells["method"]))), _far(cells)
    far = cells["method"].isin(worse)
    parts = [cells[far], cells[~far]] if worse else [cells]  # what has its names and numbers in which panel
    figure, grid = panels(1, len(parts), (11.6 if worse else 7.6, 5.0))
    ends = [_curves(axes, shown, drawn) for axes, shown in zip(grid, [cells, cells[~far]])]
    if worse:
        ends[0] = [end for end in ends[0] if end[1] in worse]
        head(grid[1], "The same, nearer", f"without {' and '.join(worse)}: higher than w = 0 at every w")
        (left, right), (low, high) = grid[1].get_xlim(), grid[1].get_ylim()
        grid[0].add_patch(Rectangle((left, low), right - left, high - low, fill=False, edgecolor=GREY, linewidth=0.8))
    for axes in grid:
        axes.set_xlabel(metrics.metric(score).label)
    label_y(grid[0], metrics.metric(fid).label)
    kind = metrics.metric(fid)
    about = f"{sampler} sampler, T = {steps}; n = {int(cells['n'].max()):,}; numbers are w"
    head(grid[0], "FID against Inception score" + (f", on {kind.of} features" if kind.of else ""), about)
    for axes, own in zip(grid, ends):
        name_ends(axes, own)
    label_panels([(axes, _numbers(part)) for axes, part in zip(grid, parts)])
    return figure


def _far(cells: pd.DataFrame) -> list[str]:
    """The methods that are at every w of theirs above w = 0, if they take more than half of the height; else none."""
    if (cells["value_fid"] <= 0).any():  # no logarithm, and the axis is linear
        return []
    far, height = never_better(cells, "value_fid", higher_is_better=False), np.log(cells["value_fid"])
    return far if np.ptp(height[~cells["method"].isin(far)]) < _LEAST * np.ptp(height) else []


def _curves(axes: Axes, cells: pd.DataFrame, drawn: dict[str, tuple[str, str]]) -> list[tuple]:
    """Every method's curve with its bars; returns the right ends, for their names."""
    ends = []
    for method, curve in cells.groupby("method", sort=False):
        shade, marker = drawn[method]
        axes.errorbar(
            curve["value_is"], curve["value_fid"], xerr=curve["sd_is"].fillna(0), yerr=curve["sd_fid"].fillna(0),
            color=shade, marker=marker, ms=4.5, linewidth=1.8, elinewidth=0.8, label=method,
        )  # fmt: skip
        ends.append((float(curve["value_fid"].iloc[-1]), method, shade, marker))
    scale_log(axes)
    return ends


def _numbers(cells: pd.DataFrame) -> list[Point]:
    """Every point's w; 0, the least and the largest first, which have the choice of a place."""
    first = {"0", f"{cells['w'].min():g}", f"{cells['w'].max():g}"}
    points = [(x, y, f"{w:g}", colour(m)) for m, w, x, y in cells[["method", "w", "value_is", "value_fid"]].to_numpy()]
    return sorted(shared_once(points), key=lambda point: point[2] not in first)
