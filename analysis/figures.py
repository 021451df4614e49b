"""A study's curves: pure functions from the summary (`analysis.table.summarise`) to a matplotlib Figure; `save` writes one.

A line is the mean over runs, a band one standard deviation either side. Every function raises ValueError when the summary does
not hold what it would draw, and says what it holds.
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.style import GREY, colour, label_points, name_ends, panels, save, scale_log, scale_w
from analysis.table import REAL, cells_of, what_is_held

__all__ = ["accuracy_against_w", "fid_by_sampler", "fid_is_curve", "metric_against_w", "save"]

TITLES = {
    "fid": "Fréchet distance (lower is better)",
    "is": "Inception score (higher is surer)",
    "precision": "samples that look real",
    "recall": "real data that is covered",
    "accuracy_evaluator": "independent evaluator",
    "accuracy_guide": "guiding classifier",
    "diversity": "cosine distance in a class",
    "diversity_pixels": "RMS distance in a class",
}


def metric_against_w(
    summary: pd.DataFrame, metrics: str | Sequence[str], *, sampler: str, steps: int, log: bool = False
) -> Figure:
    """One panel per metric, one line per method against w, at the largest n there is.

    Held-out real data is a dashed line. If it has another n, the cells measured at that n are drawn too, thin and dashed: those,
    and only those, may be compared with it. `log` makes y logarithmic, which shows a shallow minimum beside a high end.
    """
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    figure, grid = panels(1, len(metrics), (6.4 if len(metrics) == 1 else 5.6 * len(metrics), 4.0))
    for axes, metric in zip(grid, metrics):
        cells = _at(summary, metric, sampler, steps)
        methods = list(dict.fromkeys(cells["method"]))
        real = summary[(summary["method"] == REAL) & (summary["metric"] == metric) & summary["value"].notna()]
        n, n_real = int(cells["n"].max()), int(real["n"].max()) if len(real) else None
        ends = []
        for method in methods:
            shade, own = colour(method, methods), cells[cells["method"] == method]
            ends.append((_curve(axes, own[own["n"] == n], shade), method, shade))
            matched = own[own["n"] == n_real]
            if n_real != n and len(matched):
                axes.plot(matched["w"], matched["value"], color=shade, linestyle=(0, (3, 2)), linewidth=1.1)
        if n_real is not None:
            value = float(real.loc[real["n"] == n_real, "value"].iloc[0])
            axes.axhline(value, color=GREY, linestyle=(0, (5, 3)), linewidth=1.2, label=REAL)
            ends.append((value, f"held-out real\n{real['world'].iloc[0]} (n = {n_real})", GREY))
        if log:
            scale_log(axes)
        scale_w(axes, cells["w"])
        dashed = n_real is not None and n_real != n and (cells["n"] == n_real).any()
        _titles(axes, title(metric), f"solid: n = {n}, dashed: n = {n_real}" if dashed else f"n = {n}", sampler, steps)
        name_ends(axes, ends)
    return figure


def accuracy_against_w(summary: pd.DataFrame, *, sampler: str, steps: int) -> Figure:
    """One panel per method: how often the independent evaluator, and the classifier that may guide, sees the class asked for.

    Classifier guidance climbs the guiding classifier's own opinion; where the two lines part, it fools more than it improves.
    """
    judges = {
        "accuracy_evaluator": ("independent\nevaluator", "#000000"),
        "accuracy_guide": ("guiding\nclassifier", "#de8f05"),
    }
    cells = {judge: _at(summary, judge, sampler, steps) for judge in judges}
    methods = list(dict.fromkeys(cells["accuracy_evaluator"]["method"]))
    figure, grid = panels(1, len(methods), (5.4 * len(methods), 3.8), share_y=True)
    n = int(cells["accuracy_evaluator"]["n"].max())
    ends: dict[str, list] = {method: [] for method in methods}
    for axes, method in zip(grid, methods):
        for judge, (name, shade) in judges.items():
            own = cells[judge][(cells[judge]["method"] == method) & (cells[judge]["n"] == n)]
            if len(own):
                ends[method].append((_curve(axes, own, shade), name, shade))
        # A share of right answers is not biased by n, so this line may stand beside cells of another n.
        real = summary[(summary["method"] == REAL) & (summary["metric"] == "accuracy_evaluator")]
        if len(real):
            value = float(real["value"].iloc[0])
            axes.axhline(value, color=GREY, linestyle=(0, (5, 3)), linewidth=1.2, label=REAL)
            ends[method].append((value, f"evaluator on\nreal {real['world'].iloc[0]}", GREY))
        scale_w(axes, cells["accuracy_evaluator"]["w"])
        _titles(axes, f"Accuracy of {method} samples", f"n = {n}", sampler, steps)
    for axes, method in zip(grid, methods):  # after every line: the panels share their y axis
        name_ends(axes, ends[method])
    return figure


def fid_by_sampler(summary: pd.DataFrame, metric: str = "fid_digits", *, log: bool = True) -> Figure:
    """`metric` against w in one panel per sampler and number of steps, all on one y axis; a ring marks each curve's minimum."""
    cells = cells_of(summary, metric)
    cells = cells[cells["n"] == cells["n"].max()]
    methods = list(dict.fromkeys(cells["method"]))
    kinds = sorted(set(zip(cells["sampler"], cells["steps"])))
    columns = 2 if len(kinds) == 4 else min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure, grid = panels(rows, columns, (1.4 + 3.6 * columns, 0.6 + 2.9 * rows), share_y=True)
    for axes, (sampler, steps) in zip(grid, kinds):
        here = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)]
        for method in methods:
            own, shade = here[here["method"] == method], colour(method, methods)
            if len(own):
                _curve(axes, own, shade, label=method)
                least = own.loc[own["value"].idxmin()]
                axes.plot(least["w"], least["value"], "o", ms=11, mfc="none", mec=shade, mew=1.4)
        scale_w(axes, here["w"])
        axes.tick_params(axis="x", labelsize=8, rotation=45)
        axes.set_title(f"{sampler}, T = {steps}", loc="left", fontsize=11)
    for axes in grid[len(kinds) :]:
        axes.set_visible(False)
    if log:
        scale_log(grid[0])
    for axes in grid[: len(kinds) : columns]:
        axes.set_ylabel(title(metric).split(" (")[0])
    names = {name: line for axes in grid for line, name in zip(*axes.get_legend_handles_labels())}
    figure.legend(names.values(), names.keys(), loc="outside upper left", ncols=len(methods), frameon=False)
    return figure


def title(metric: str) -> str:
    """The metric's name, which says whose features it rests on, and what it is in words."""
    words = TITLES.get(metric) or TITLES.get(metric.rsplit("_", 1)[0])
    return f"{metric}: {words}" if words else metric


def _at(summary: pd.DataFrame, metric: str, sampler: str, steps: int) -> pd.DataFrame:
    cells = cells_of(summary, metric)
    cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)].sort_values("w")
    if cells.empty:
        raise ValueError(f"no cell has sampler {sampler!r} and {steps} steps: {what_is_held(summary)}")
    return cells


def _curve(axes: Axes, own: pd.DataFrame, shade: str, label: str | None = None) -> float:
    """A line with markers and its band; returns the height of its right end."""
    axes.plot(own["w"], own["value"], color=shade, marker="o", ms=4.5, linewidth=2, label=label)
    if own["sd"].notna().any():
        axes.fill_between(own["w"], own["low"], own["high"], color=shade, alpha=0.18, linewidth=0)
    return float(own["value"].iloc[-1])


def _titles(axes: Axes, what: str, how_many: str, sampler: str, steps: int) -> None:
    axes.set_title(what, loc="left", fontsize=12, pad=20)
    axes.text(0, 1.02, f"{sampler} sampler, T = {steps}; {how_many}", transform=axes.transAxes, fontsize=9, color=GREY)


def fid_is_curve(summary: pd.DataFrame, *, sampler: str, steps: int, fid: str = "fid_digits", score: str = "is_digits") -> Figure:
    """The trade-off itself, Figure 4 of Ho & Salimans (arXiv 2207.12598): IS to the right, FID upwards, w along it."""
    down, right = _at(summary, fid, sampler, steps), _at(summary, score, sampler, steps)
    both = down.merge(right, on=["method", "w", "n"], suffixes=("_fid", "_is"))
    both = both[both["n"] == both["n"].max()]
    methods = list(dict.fromkeys(both["method"]))
    figure, (axes,) = panels(1, 1, (6.8, 4.6))
    for method in methods:
        own, shade = both[both["method"] == method], colour(method, methods)
        axes.errorbar(
            own["value_is"], own["value_fid"], xerr=own["sd_is"].fillna(0), yerr=own["sd_fid"].fillna(0),
            color=shade, marker="o", ms=4.5, linewidth=1.8, elinewidth=0.8, label=method,
        )  # fmt: skip
    scale_log(axes)
    axes.set_xlabel(title(score))
    axes.set_ylabel(title(fid))
    _titles(axes, "What is bought with w, and what it costs", f"n = {int(both['n'].max())}; numbers are w", sampler, steps)
    points = [(x, y, f"{w:g}", colour(m, methods)) for m, w, x, y in both[["method", "w", "value_is", "value_fid"]].to_numpy()]
    label_points(axes, points)
    axes.legend(frameon=False)
    return figure
