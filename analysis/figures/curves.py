"""A study's curves: pure functions from the summary (`analysis.table.summarise`) to a matplotlib Figure.

A line is the mean, a band one standard deviation either side (`analysis.table.summarise`). Methods keep their colour in
every figure. Each function raises ValueError when the summary does not hold what it would draw, and says what it holds.
"""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import metrics as described
from analysis.figures.colours import looks
from analysis.figures.labels import label_panels, name_ends
from analysis.figures.style import (
    DASHED,
    GREY,
    REAL_LINE,
    colour,
    error_bars,
    head,
    label_y,
    panels,
    scale_log,
    scale_shares,
    scale_w,
)
from analysis.table import REAL, cells_at, cells_of

EVALUATOR, GUIDE = "#000000", "#4b2dc3"  # neither is the colour of a method


def metric_against_w(
    summary: pd.DataFrame, metrics: str | Sequence[str], *, sampler: str, steps: int, log: bool = False
) -> Figure:
    """One panel per metric, one line per method against w, at the largest n there is.

    The real test set is a dash-dotted grey line labelled with its own n. If that n is smaller, and the metric depends on n by
    more than 1 % of the range of the solid curves, the methods are drawn at that n too, thin and dashed: only these may be
    compared with the line. With `log`, y is logarithmic where `scale_log` finds it useful, and the values at w = 0 and at each
    minimum are written beside their points.
    """
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    figure, grid = panels(1, len(metrics), (6.8 if len(metrics) == 1 else 5.8 * len(metrics), 4.0))
    names, numbers = [], []
    for axes, metric in zip(grid, metrics):
        cells = cells_at(summary, metric, sampler, steps)
        methods = list(dict.fromkeys(cells["method"]))
        real = summary[(summary["method"] == REAL) & (summary["metric"] == metric) & summary["value"].notna()]
        n, n_real = int(cells["n"].max()), int(real["n"].max()) if len(real) else None
        largest, matched = cells[cells["n"] == n], cells[cells["n"] == n_real]
        dashed = n_real != n and _apart(largest, matched)
        ends, drawn = [], looks(methods)
        for method in methods:
            (shade, marker), curve = drawn[method], largest[largest["method"] == method]
            if len(curve):
                ends.append((_curve(axes, curve, shade, marker), method, shade, marker))
            if dashed:
                thin = matched[matched["method"] == method]
                axes.plot(thin["w"], thin["value"], color=shade, linestyle=DASHED, linewidth=1.1)
        if n_real is not None:
            value = float(real.loc[real["n"] == n_real, "value"].iloc[0])
            axes.axhline(value, label=REAL, **REAL_LINE)
            ends.append((value, f"real test set\n{real['world'].iloc[0]} (n = {n_real:,})", GREY))
        label_y(axes, described.metric(metric).label)
        scale_w(axes, cells["w"])
        sizes = f"solid: n = {n:,}, dashed: n = {n_real:,}" if dashed else f"n = {n:,}"
        head(axes, _capital(described.metric(metric).axis), f"{sampler} sampler, T = {steps}; {sizes}")
        if log:
            scale_log(axes)
            numbers.append((axes, _plain_and_least(largest, methods)))
        names.append((axes, ends))
    for axes, ends in names:
        name_ends(axes, ends)
    label_panels(numbers)  # last: names at the edges take room from the axes
    return figure


def accuracy_against_w(summary: pd.DataFrame, *, sampler: str, steps: int) -> Figure:
    """One panel per method: the share of samples that two classifiers assign to the intended class.

    The independent evaluator never guides. The other, if it was measured, is the noise-aware classifier, called "guiding" in the
    panels of methods that call it while sampling (nfe_classifier_forward > 0). The spread is one standard deviation; with a
    single run, bars are 95 % Wilson intervals for the cell's n samples. The dash-dotted line is the evaluator on real images.
    """
    shades = {"accuracy_evaluator": EVALUATOR}
    if (summary["metric"] == "accuracy_guide").any():
        shades["accuracy_guide"] = GUIDE
    cells = {classifier: cells_at(summary, classifier, sampler, steps) for classifier in shades}
    methods = list(dict.fromkeys(cells["accuracy_evaluator"]["method"]))
    columns = min(2, len(methods))
    rows = -(-len(methods) // columns)
    figure, grid = panels(rows, columns, (5.6 * columns, 3.8 * rows), share_y=True)
    for axes in grid[len(methods) :]:
        axes.set_visible(False)
    n = int(cells["accuracy_evaluator"]["n"].max())
    single = bool((cells["accuracy_evaluator"]["runs"] == 1).all())
    calls = summary[(summary["metric"] == "nfe_classifier_forward") & (summary["value"] > 0)]
    ends: dict[str, list] = {method: [] for method in methods}
    for axes, method in zip(grid, methods):
        guide = "guiding\nclassifier" if method in set(calls["method"]) else "noise-aware\nclassifier"
        for (classifier, shade), name, aside in zip(shades.items(), ("independent\nevaluator", guide), (-2.0, 2.0)):
            curve = cells[classifier][(cells[classifier]["method"] == method) & (cells[classifier]["n"] == n)]
            if len(curve):
                marker = "D" if classifier == "accuracy_guide" else "o"
                ends[method].append((_curve(axes, curve, shade, marker), name, shade, marker))
                if single:
                    error_bars(axes, curve["w"].to_numpy(), curve["value"].to_numpy(), _wilson(curve["value"], n), shade, aside)
        # A share of right answers is not biased by n, so this line may stand beside cells of another n.
        real = summary[(summary["method"] == REAL) & (summary["metric"] == "accuracy_evaluator")]
        if len(real):
            value = float(real["value"].iloc[0])
            axes.axhline(value, label=REAL, **REAL_LINE)
            ends[method].append((value, f"evaluator on\nreal {real['world'].iloc[0]}", GREY))
        scale_w(axes, cells["accuracy_evaluator"]["w"])
        spread = "; bars: 95 % Wilson intervals" if single else ""
        head(axes, f"Accuracy of {method} samples", f"{sampler} sampler, T = {steps}; n = {n:,}{spread}")
    for axes in grid[::columns]:
        label_y(axes, "share classified as intended")
    scale_shares(grid[0])
    for axes, method in zip(grid, methods):  # after every line: the panels share their y axis
        name_ends(axes, ends[method])
    return figure


def fid_by_sampler(summary: pd.DataFrame, metric: str, *, log: bool = True) -> Figure:
    """`metric` against w in one panel per sampler and number of steps, all on one y axis; a ring marks each curve's minimum.

    Rings of different methods differ in size, so that both are seen where the minima coincide. `log` as in `metric_against_w`.
    """
    cells = cells_of(summary, metric)
    cells = cells[cells["n"] == cells["n"].max()]
    methods = list(dict.fromkeys(cells["method"]))
    kinds = sorted(set(zip(cells["sampler"], cells["steps"])))
    columns = 2 if len(kinds) == 4 else min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure, grid = panels(rows, columns, (1.4 + 3.6 * columns, 0.9 + 2.9 * rows), share_y=True)
    drawn = looks(methods)
    for axes, (sampler, steps) in zip(grid, kinds):
        panel_cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)]
        for i, method in enumerate(methods):
            curve, (shade, marker) = panel_cells[panel_cells["method"] == method], drawn[method]
            if len(curve):
                _curve(axes, curve, shade, marker, label=method)
                minimum = curve.loc[curve["value"].idxmin()]
                axes.plot(minimum["w"], minimum["value"], "o", ms=10 + 5 * i, mfc="none", mec=shade, mew=1.4)
        scale_w(axes, panel_cells["w"])
        axes.set_title(f"{sampler}, T = {steps}", loc="left", fontsize=11)
    for axes in grid[len(kinds) :]:
        axes.set_visible(False)
    if log:
        scale_log(grid[0])
    for axes in grid[: len(kinds) : columns]:
        label_y(axes, described.metric(metric).label)
    names = {name: line for axes in grid for line, name in zip(*axes.get_legend_handles_labels())}
    beside = min(len(methods), 2 * columns)
    legend = figure.legend(names.values(), names.keys(), loc="outside upper left", ncols=beside, frameon=False)
    about = f"{_capital(described.metric(metric).axis)}; n = {int(cells['n'].max()):,}; rings: minima"
    legend.set_title(fill(about, int(10 * figure.get_figwidth())), prop={"size": 11})
    legend.set_alignment("left")
    return figure


def _curve(axes: Axes, curve: pd.DataFrame, shade: str, marker: str, label: str | None = None) -> float:
    """A line with markers and its band; returns the height of its right end."""
    axes.plot(curve["w"], curve["value"], color=shade, marker=marker, ms=5, linewidth=2, label=label)
    if curve["sd"].notna().any():
        axes.fill_between(curve["w"], curve["low"], curve["high"], color=shade, alpha=0.18, linewidth=0)
    return float(curve["value"].iloc[-1])


def _apart(largest: pd.DataFrame, matched: pd.DataFrame) -> bool:
    """Whether some value of `matched` lies off its partner by more than 1 % of the range of `largest`: a line's width."""
    both = largest.merge(matched, on=["method", "w"], suffixes=("", "_matched"))
    return bool(((both["value"] - both["value_matched"]).abs() > 0.01 * np.ptp(largest["value"])).any())


def _plain_and_least(cells: pd.DataFrame, methods: Sequence[str]) -> list[tuple[float, float, str, str]]:
    """The points at w = 0 and at each method's minimum, with their values to write."""
    points = []
    for method in methods:
        curve = cells[cells["method"] == method]
        curve = curve[(curve["w"] == 0) | (curve["value"] == curve["value"].min())]
        points += [(w, value, f"{value:.3g}", colour(method)) for w, value in zip(curve["w"], curve["value"])]
    return shared_once(points)


def shared_once(points: Sequence[tuple[float, float, str, str]]) -> list[tuple[float, float, str, str]]:
    """A point that several curves share, at w = 0 above all, is labelled once and in grey."""
    kept: dict[tuple[float, float, str], tuple[float, float, str, str]] = {}
    for x, y, text, shade in points:
        key = (float(f"{x:.6g}"), float(f"{y:.6g}"), text)
        kept[key] = (x, y, text, GREY if key in kept else shade)
    return list(kept.values())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wilson(share: pd.Series, n: int) -> np.ndarray:
    """Distances (2, k) from each share down and up to the ends of its 95 % Wilson interval, for n trials."""
    z, p = 1.959964, share.to_numpy(float)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return np.clip(np.stack([p - (centre - half), centre + half - p]), 0, None)
