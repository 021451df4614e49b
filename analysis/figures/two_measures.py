"""One measure against another: the whole curve of every method, or its best point at its price."""

import pandas as pd
from matplotlib.figure import Figure

from analysis import metrics
from analysis.figures.style import colour, head, label_points, panels, scale_log
from analysis.table import REAL, cells_at


def two_measures(summary: pd.DataFrame, x: str, y: str, *, sampler: str, steps: int) -> Figure:
    """A curve per method in the plane of two metrics, w growing along it; every point bears its w, the largest n.

    A method that is at no w better in `y` than the worst of w = 0 is left out, and named in the legend: its scale would hide
    all others. ValueError if the summary lacks a metric, this sampler or this number of steps.
    """
    across, up = (cells_at(summary, name, sampler, steps) for name in (x, y))
    both = across.merge(up, on=["method", "w", "n"], suffixes=("_x", "_y"))
    both = both[(both["n"] == both["n"].max()) & (both["method"] != REAL)].dropna(subset=["value_x", "value_y"])
    worse = never_better(both, "value_y", metrics.metric(y).higher_is_better)
    methods = list(dict.fromkeys(both["method"]))
    figure, (axes,) = panels(1, 1, (7.2, 4.8))
    points: dict[tuple[float, float], tuple[float, float, str, str]] = {}
    for method in methods:
        if method in worse:
            continue
        curve, shade = both[both["method"] == method].sort_values("w"), colour(method, methods)
        axes.plot(curve["value_x"], curve["value_y"], color=shade, marker="o", ms=4.5, linewidth=1.8, label=method)
        for w, at, height in zip(curve["w"], curve["value_x"], curve["value_y"]):
            points.setdefault((at, height), (at, height, f"{w:g}", shade))
    scale_log(axes)
    axes.set(xlabel=metrics.metric(x).label, ylabel=metrics.metric(y).label)
    about = f"{sampler} sampler, T = {steps}; n = {int(both['n'].max()):,}; numbers are w"
    head(axes, f"{metrics.metric(y).title} against {metrics.metric(x).title}", about)
    label_points(axes, list(points.values()))
    left_out = f"{', '.join(worse)}: left out,\nnever better than w = 0" if worse else None
    axes.legend(frameon=False, fontsize=9, title=left_out, title_fontsize=8)
    return figure


def best_against_price(cells: pd.DataFrame, price: str, quality: str) -> Figure:
    """The best `quality` of every method over its w, against what it costs there; black: w = 0.

    cells: as `analysis.statistics.compare.wide` makes them. A method never better than w = 0 is left out,
    and named under the title.
    """
    described, plain = metrics.metric(quality), cells[cells["w"] == 0]
    sign = -1 if described.higher_is_better else 1
    guided = cells[cells["w"] != 0].dropna(subset=[quality])
    best = guided.loc[(sign * guided[quality]).groupby(guided["method"]).idxmin()]
    worse = best[sign * best[quality] > (sign * plain[quality]).max()]["method"].tolist() if len(plain) else []
    methods = list(dict.fromkeys(cells["method"]))
    figure, (axes,) = panels(1, 1, (7.2, 4.2))
    points = [(plain[price].mean(), plain[quality].mean(), "w = 0", "black")] if len(plain) else []
    for _, row in best[~best["method"].isin(worse)].iterrows():
        points.append((row[price], row[quality], f"{row['method']}, w = {row['w']:g}", colour(row["method"], methods)))
    for across, up, _, shade in points:
        axes.plot([across], [up], "o", color=shade, ms=7, linestyle="none")
    axes.margins(x=0.25, y=0.15)
    axes.set(xlabel=metrics.metric(price).axis, ylabel=described.label)
    left_out = f"; left out, never better than w = 0: {', '.join(worse)}" if worse else ""
    title = f"{described.title} at the best w of each method, against its price"
    head(axes, title, f"one point a method; black: unguided{left_out}")
    label_points(axes, points)
    return figure


def never_better(cells: pd.DataFrame, value: str, higher_is_better: bool | None) -> list[str]:
    """The methods that are better in this column at no w of theirs than the worst value at w = 0."""
    sign = -1 if higher_is_better else 1
    plain = cells.loc[cells["w"] == 0, value]
    if plain.empty:
        return []
    best = (sign * cells[value]).groupby(cells["method"], sort=False).min()
    return [method for method, value in best.items() if value > (sign * plain).max()]
