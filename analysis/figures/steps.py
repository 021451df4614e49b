"""Quality against what a sample costs, for methods of their own numbers of steps: one panel for each w."""

import pandas as pd
from matplotlib.figure import Figure

from analysis import metrics as described
from analysis.figures.colours import look
from analysis.figures.labels import label_points
from analysis.figures.style import head, label_y, panels, scale_log
from analysis.table import cells_of


def against_evaluations(summary: pd.DataFrame, metric: str, *, sampler: str) -> Figure:
    """`metric` against the network evaluations of a sample, a point for each number of steps, which it bears, at the largest n.

    Methods that differ in the words in brackets at the end of their names, as students of 16 and of 8 steps, make one line.
    Bars are one standard deviation. ValueError where evaluations were not counted.
    """
    cells = cells_of(summary[summary["sampler"] == sampler], metric)
    cells = cells[cells["n"] == cells["n"].max()]
    calls = summary[summary["metric"].str.startswith("nfe_")].groupby(["sampler", "method", "w", "steps"])["value"].sum()
    cells = cells.join(calls.rename("evaluations"), on=calls.index.names).dropna(subset="evaluations")
    if cells.empty:
        raise ValueError(f"no evaluations were counted with {sampler}")
    ws = sorted(cells["w"].unique())
    columns = 2 if len(ws) == 4 else min(3, len(ws))
    rows = -(-len(ws) // columns)
    figure, grid = panels(rows, columns, (1.4 + 3.6 * columns, 0.9 + 3.1 * rows), share_y=True)
    for axes, w in zip(grid, ws):
        points = []
        for name, line in cells[cells["w"] == w].groupby(cells["method"].str.partition(" (")[0], sort=False):
            line, (shade, marker) = line.sort_values("evaluations"), look(name)
            bars = {"yerr": line["sd"].fillna(0), "elinewidth": 0.8, "capsize": 2}
            axes.errorbar(line["evaluations"], line["value"], color=shade, marker=marker, label=name, ms=5, linewidth=1.8, **bars)
            points += [(x, y, f"T = {steps}", shade) for x, y, steps in line[["evaluations", "value", "steps"]].to_numpy(object)]
        scale_log(axes, along="x")
        axes.set_xlabel("network evaluations a sample")
        head(axes, f"w = {w:g}", f"{sampler} sampler, n = {int(cells['n'].max()):,}")
        label_points(axes, points)
    for axes in grid[len(ws) :]:
        axes.set_visible(False)
    for axes in grid[: len(ws) : columns]:
        label_y(axes, described.metric(metric).label)
    names = {name: line for axes in grid for line, name in zip(*axes.get_legend_handles_labels())}
    figure.legend(names.values(), names.keys(), loc="outside upper left", ncols=2, frameon=False)
    return figure
