"""Curves of the worlds with an exact oracle: distances from the density that guidance is said to sample, and network errors.

Lines are means over runs, bands one standard deviation; grey and dashed is the floor, what as many exact draws read.
Pure functions from the summary (`analysis.table.summarise`); ValueError when it lacks what is to be drawn, saying what it has.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from analysis import metrics as described
from analysis.figures.colours import GREY, SHADES, look, looks
from analysis.figures.labels import name_ends
from analysis.figures.style import head, label_y, panels, scale_log, scale_w
from analysis.statistics.network_share import EXACT
from analysis.table import FLOOR, REAL, cells_at, cells_of, what_is_held

MIN_PLOTTED_SHARE = 1e-8  # of the largest error: smaller ones are not drawn
STEPS_MARKERS = "osD^v<>"  # of numbers of levels, rising
_DASHED = (0, (3, 2))


def distance_against_w(summary: pd.DataFrame, metric: str, *, method: str = "classifier-free") -> Figure:
    """One panel per sampler on one y axis, one line per number of levels T (darker for more), against w; at the largest n."""
    cells = _of_method(summary, metric, method)
    kinds, floor = list(dict.fromkeys(cells["sampler"])), _floor(summary, metric, cells)
    columns = 2 if len(kinds) in (2, 4) else min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure, grid = panels(rows, columns, (1.0 + 3.6 * columns, 0.5 + 2.9 * rows), share_y=True)
    steps = sorted(set(cells["steps"]))
    shades = dict(zip(steps, seaborn.color_palette("flare", len(steps)).as_hex()))
    ends: list[list] = [[] for _ in kinds]
    for axes, sampler, names in zip(grid, kinds, ends):
        for levels, line in cells[cells["sampler"] == sampler].groupby("steps"):
            marker = STEPS_MARKERS[steps.index(levels) % len(STEPS_MARKERS)]
            end = _line(axes, "w", line, shades[levels], marker=marker)
            names.append((end, f"T = {levels}", shades[levels], marker))
        names += _draw_floor(axes, "w", floor)
        scale_w(axes, cells["w"])
        axes.set_title(sampler, loc="left", fontsize=11)
    for axes in grid[len(kinds) :]:
        axes.set_visible(False)
    for axes in grid[: len(kinds) : columns]:
        label_y(axes, described.metric(metric).axis, 10.0)
    _scale(grid[0], floor)
    for axes, names in zip(grid, ends):  # after every line: the panels share their y axis
        name_ends(axes, names)
    return figure


def distance_against_steps(summary: pd.DataFrame, metric: str, *, w: float, method: str = "classifier-free") -> Figure:
    """One line per sampler against its number of levels T, both axes logarithmic where possible, at one w and the largest n."""
    cells = _of_method(summary, metric, method)
    floor = _floor(summary, metric, cells)
    floor, ws = floor[floor["w"].isna() | (floor["w"] == w)], sorted(set(cells["w"]))
    cells = cells[cells["w"] == w]
    if cells.empty:
        raise ValueError(f"no cell of {method} has w = {w:g}: it has {', '.join(f'{other:g}' for other in ws)}")
    figure, (axes,) = panels(1, 1, (6.4, 4.0))
    kinds = list(dict.fromkeys(cells["sampler"]))
    ends = []
    for kind in kinds:
        end = _line(axes, "steps", cells[cells["sampler"] == kind], look(kind).colour, marker=look(kind).marker)
        ends.append((end, kind, *look(kind)))
    axes.set_xscale("log")
    ends += _draw_floor(axes, "steps", floor.assign(w=np.nan))
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(cells["steps"]))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps:g}"))
    axes.set_xlabel("number of levels T")
    head(axes, described.metric(metric).axis, f"{method}, w = {w:g}, n = {int(cells['n'].iloc[0]):,}")
    _scale(axes, floor)
    name_ends(axes, ends)
    return figure


def methods_against_w(summary: pd.DataFrame, metrics: Sequence[str], *, sampler: str, steps: int) -> Figure:
    """One panel per metric, one line per method, against w, at the largest n; long dashes: the exact denoiser, guided."""
    figure, grid = panels(1, len(metrics), (4.6 * len(metrics), 3.6))
    for axes, metric in zip(grid, metrics):
        cells = cells_at(summary, metric, sampler, steps)
        cells = cells[cells["n"] == cells["n"].max()]
        floor, methods = _floor(summary, metric, cells), list(dict.fromkeys(cells["method"]))
        ends, drawn = [], looks(method.removesuffix(EXACT) for method in methods)
        for method in methods:
            plain = method.removesuffix(EXACT)
            (shade, marker), style = drawn[plain], "-" if plain == method else (0, (5, 2))
            height = _line(axes, "w", cells[cells["method"] == method], shade, style, marker)
            ends.append((height, method.replace(EXACT, ",\nexact"), shade, marker))
        ends += _draw_floor(axes, "w", floor)
        scale_w(axes, cells["w"])
        head(axes, described.metric(metric).axis, f"{sampler}, T = {steps}, n = {int(cells['n'].iloc[0]):,}")
        _scale(axes, floor)
        name_ends(axes, ends)
    return figure


def share_of_network(summary: pd.DataFrame, metric: str, method: str, *, sampler: str, steps: int) -> Figure:
    """How much of a distance remains with the exact denoiser, and how much the networks add, against w.

    The summary holds both `method` and `method (exact)`. Light up to the exact denoiser's line, dark between it and the
    networks', which may lie below. Linear, so that heights add up.
    """
    cells = cells_at(summary, metric, sampler, steps)
    cells = cells[cells["n"] == cells["n"].max()]
    learned, exact = (cells[cells["method"] == name].sort_values("w") for name in (method, method + EXACT))
    both = learned.merge(exact, on="w", suffixes=("", "_exact"))
    if both.empty:
        raise ValueError(f"{method} is not there with and without{EXACT} at one w: there are {_methods(cells)}")
    figure, (axes,) = panels(1, 1, (6.4, 3.9))
    shade, marker = look(method)
    w, low, high = (both[name].to_numpy() for name in ("w", "value_exact", "value"))
    axes.fill_between(w, 0, low, color=shade, alpha=0.18, linewidth=0)
    axes.fill_between(w, low, high, color=shade, alpha=0.5, linewidth=0)
    ends = [
        (_line(axes, "w", learned, shade, marker=marker), "with networks", shade, marker),
        (_line(axes, "w", exact, shade, (0, (5, 2)), "o"), "exact denoiser", shade, "o"),
        *_draw_floor(axes, "w", _floor(summary, metric, cells)),
    ]
    scale_w(axes, w)
    axes.set_ylim(bottom=min(0.0, float(low.min()), float(high.min())))
    head(axes, described.metric(metric).axis, f"{method}, {sampler}, T = {steps}; dark: the networks' part")
    name_ends(axes, ends)
    return figure


def error_against_logsnr(errors: pd.DataFrame, quantities: Mapping[str, str], title: str, *, log: bool = True) -> Figure:
    """One line per quantity against lambda, the mean over trainings, with a thin line for each of them if there are several.

    errors: columns train_seed, quantity, logsnr, value. quantities: which are drawn, and the label of each line.
    log: a logarithmic y axis, if every value is positive, over eight decades at most.
    ValueError naming a quantity that is not there.
    """
    if missing := [name for name in quantities if name not in set(errors["quantity"])]:
        raise ValueError(f"errors has no {', '.join(missing)}: it has {', '.join(sorted(set(errors['quantity'])))}")
    figure, (axes,) = panels(1, 1, (6.8, 3.9))
    ends, trainings = [], errors["train_seed"].nunique()
    for (name, words), shade in zip(quantities.items(), SHADES):
        wide = errors[errors["quantity"] == name].pivot(index="logsnr", columns="train_seed", values="value")
        if wide.shape[1] > 1:
            axes.plot(wide.index, wide, color=shade, linewidth=0.7, alpha=0.45)
        axes.plot(wide.index, wide.mean(axis=1), color=shade, linewidth=1.9, label=name)
        ends.append((float(wide.mean(axis=1).iloc[-1]), words, shade))
    if log:
        scale_log(axes, least=1.0)
        low, high = axes.get_ylim()
        axes.set_ylim(bottom=max(low, MIN_PLOTTED_SHARE * high))
        ends = [(max(value, axes.get_ylim()[0]), words, shade) for value, words, shade in ends]
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("λ = log SNR (noise on the left, data on the right)")
    head(axes, title, f"mean of {trainings} trainings, thin lines: each" if trainings > 1 else "one training")
    name_ends(axes, ends)
    return figure


def _of_method(summary: pd.DataFrame, metric: str, method: str) -> pd.DataFrame:
    """One method's cells at their largest n."""
    cells = cells_of(summary, metric)
    rows = cells[cells["method"] == method]
    if rows.empty:
        raise ValueError(f"no cell of {metric} has the method {method!r}: there are {_methods(cells)}")
    return rows[rows["n"] == rows["n"].max()]


def _methods(cells: pd.DataFrame) -> str:
    return ", ".join(sorted(set(cells["method"]))) + "; " + what_is_held(cells)


def _floor(summary: pd.DataFrame, metric: str, cells: pd.DataFrame) -> pd.DataFrame:
    """Draws of the tilted densities, one row per w, or else draws of the data, one row without w; at the n of the cells."""
    rows = summary[(summary["metric"] == metric) & (summary["n"] == cells["n"].iloc[0]) & summary["value"].notna()]
    tilted = rows[(rows["method"] == FLOOR) & rows["w"].isin(set(cells["w"]))].sort_values("w")
    return tilted if len(tilted) else rows[rows["method"] == REAL]


def _draw_floor(axes: Axes, x: str, floor: pd.DataFrame) -> list[tuple[float, str, str]]:
    """The floor as a dashed line in its band, straight across where it has no w; and its name, to be written at the end."""
    if floor.empty:
        return []
    if floor["w"].isna().all():
        value, sd = float(floor["value"].iloc[0]), float(floor["sd"].fillna(0).iloc[0])
        axes.axhline(value, color=GREY, linestyle=_DASHED, linewidth=1.2, label=FLOOR)
        axes.axhspan(value - sd, value + sd, color=GREY, alpha=0.15, linewidth=0)
        return [(value, "exact draws", GREY)]
    axes.plot(floor[x], floor["value"], color=GREY, linestyle=_DASHED, linewidth=1.2, label=FLOOR)
    sd = floor["sd"].fillna(0)
    axes.fill_between(floor[x], floor["value"] - sd, floor["value"] + sd, color=GREY, alpha=0.15, linewidth=0)
    return [(float(floor["value"].iloc[-1]), "exact draws", GREY)]


def _line(axes: Axes, x: str, line: pd.DataFrame, shade: str, style: object = "-", marker: str = "o") -> float:
    """A line with markers and its band; returns the height of its right end."""
    line = line.sort_values(x)
    axes.plot(line[x], line["value"], color=shade, marker=marker, markersize=4.5, linewidth=1.7, linestyle=style)
    sd = line["sd"].fillna(0)
    axes.fill_between(line[x], line["value"] - sd, line["value"] + sd, color=shade, alpha=0.18, linewidth=0)
    return float(line["value"].iloc[-1])


def _scale(axes: Axes, floor: pd.DataFrame) -> None:
    """`scale_log`; where an unbiased estimate fell below 0, linear up to the floor's own noise and logarithmic beyond it."""
    scale_log(axes)
    family = axes.get_shared_y_axes().get_siblings(axes)
    values = np.concatenate([np.asarray(line.get_ydata(), float) for panel in family for line in panel.lines])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    noise = float((floor["value"].abs() + floor["sd"].fillna(0)).max()) if len(floor) else 0.0
    if axes.get_yscale() == "log":
        low, high = low * (low / high) ** 0.06, high * (high / low) ** 0.14
        axes.set_ylim(low, high)  # room for names; else a band that reaches down to 0 stretches the axis over decades
        for path in (path for panel in family for band in panel.collections for path in band.get_paths()):
            path.vertices[:, 1] = path.vertices[:, 1].clip(min=low)  # and falls off a cliff between two points
    elif low <= 0 < noise < high / 10:
        axes.set_yscale("asinh", linear_width=noise)
        axes.set_ylim(low - 2 * noise, 1.6 * high)
        decades = 10.0 ** np.arange(np.ceil(np.log10(2 * noise)), np.ceil(np.log10(high)) + 1)
        axes.yaxis.set_major_locator(FixedLocator([0.0, *decades]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
