"""One figure for each claim about guidance: changes from the unguided samples of the same noise, with intervals at 95 %.

Pure functions of the frames of `analysis.statistics.round_classes`; ValueError where a frame is empty.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures.colours import GREY, SHADES, look
from analysis.figures.style import error_bars, head, name_ends, panels
from analysis.statistics.compare import REFERENCE
from analysis.statistics.round_classes import DISTORTION, FAMILY, SHIFT, VARIANCE

SHORT = {SHIFT: "shift, std", VARIANCE: "variance, share", DISTORTION: "distortion, std²"}
MARKERS = "osD^vP"
UNGUIDED = "change from the unguided samples of the same noise"


def at_mean(frame: pd.DataFrame) -> Figure:
    """Claim a: the difference that the place of the gradient makes against the number of steps; a panel for each w and measure, a
    line for each dimension.
    """
    _require(frame)
    measures, ws = list(dict.fromkeys(frame["measure"])), sorted(set(frame["w"]))
    figure, grid = panels(len(ws), len(measures), (0.9 + 4.6 * len(measures), 0.4 + 3.2 * len(ws)))
    shades, names = _by_size(frame["dimension"]), []
    for axes, (w, measure) in zip(grid, [(w, measure) for w in ws for measure in measures]):
        own = frame[(frame["w"] == w) & (frame["measure"] == measure)]
        parts = own.groupby("dimension")
        names.append([_line(axes, "steps", one, "gap", f"d = {d}", shades[d], m) for m, (d, one) in zip(MARKERS, parts)])
        _log(axes, own["steps"], "number of steps T")
        head(axes, f"Difference of the {SHORT[measure]}", f"gradient at the mean minus gradient at z, w = {w:g}")
    _finish(grid, names)
    return figure


def by_classes(frame: pd.DataFrame, windows: pd.DataFrame) -> Figure:
    """Claim b: above the change of distortion against the dimension, a panel for each w, a line for each number of classes, and
    for 2^d classes by each sampler; below what guidance that turns does to variance and shift, against the lambda where it turns.
    """
    _require(frame)
    ws = sorted(set(frame["w"]))
    turning = not windows.dropna(subset="turn").empty if len(windows) else False
    columns = max(2, len(ws))
    figure, grid = panels(1 + turning, columns, (0.9 + 4.6 * columns, 4.0 + 3.6 * turning))
    kinds = list(dict.fromkeys(zip(frame["family"], frame["sampler"])))
    shades, names = _by_size(range(len(kinds))), []
    for axes, w in zip(grid, ws):
        names.append([])
        for place, (family, sampler) in enumerate(kinds):
            own = frame[(frame["w"] == w) & (frame["family"] == family) & (frame["sampler"] == sampler)]
            text = f"{family} classes" + (f", {sampler.partition(' ')[0]}" if family == FAMILY else "")
            style = "-" if family == FAMILY else (0, (4, 2))
            names[-1].append(_line(axes, "dimension", own, DISTORTION, text, shades[place], MARKERS[place % len(MARKERS)], style))
        _log(axes, frame["dimension"], "dimension")
        head(axes, f"Change of the {SHORT[DISTORTION]}", f"classifier-free, w = {w:g}")
    for axes in grid[len(ws) : columns]:
        axes.set_visible(False)
    shown = [*grid[: len(ws)]]
    for axes, measure in zip(grid[columns:], (VARIANCE, SHIFT)) if turning else ():
        names.append(_turns(axes, windows, measure))
        shown.append(axes)
    for axes in grid[columns + 2 :]:
        axes.set_visible(False)
    _finish(shown, names)
    return figure


def with_dimension(frame: pd.DataFrame, field: pd.DataFrame, worlds: pd.DataFrame) -> Figure:
    """Claim c: shift and variance of two classes against the dimension, a column for each sampler; on the right p(c | z) and the
    guided difference against lambda + log(dimension), a line for each dimension, where the distance grows.
    """
    _require(frame)
    samplers, measures = list(dict.fromkeys(frame["sampler"])), (SHIFT, VARIANCE)
    columns = len(samplers) + 1
    figure, grid = panels(2, columns, (0.9 + 4.6 * columns, 7.2))
    kinds = [(growth, w) for growth in sorted(set(frame["growth"]), reverse=True) for w in sorted(set(frame["w"]))]
    names: list[list] = [[] for _ in grid]
    for row, measure in enumerate(measures):
        for column, sampler in enumerate(samplers):
            axes = grid[row * columns + column]
            for growth, w in kinds:
                own = frame[(frame["sampler"] == sampler) & (frame["growth"] == growth) & (frame["w"] == w)]
                at = sorted(set(frame["w"])).index(w)
                shade, style = SHADES[at], "-" if growth else (0, (4, 2))
                text = f"w = {w:g}, {'distance grows' if growth else 'distance fixed'}"
                names[row * columns + column].append(
                    _line(axes, "dimension", own, measure, text, shade, MARKERS[at], style, GREY if not growth else None)
                )
            _log(axes, frame["dimension"], "dimension")
            head(axes, f"Change of the {SHORT[measure]}", f"two classes, {sampler}")
        axes = grid[row * columns + columns - 1]
        names[row * columns + columns - 1] = _phases(axes, field, worlds, "difference" if row else "posterior")
    _finish(grid, names, zero=[index % columns < columns - 1 for index in range(len(grid))])
    return figure


def from_boundaries(frame: pd.DataFrame, moved: pd.DataFrame) -> Figure:
    """Claim d: the change of the distance to the nearest boundary against the dimension, a line for each method; and by where the
    unguided sample was, a panel for each w, for every dimension and the first method; worlds of the most classes.
    """
    _require(frame)
    most = frame["classes"].max()
    frame, moved = frame[frame["classes"] == most], moved[moved["classes"] == most]
    ws, methods = sorted(set(frame["w"])), list(dict.fromkeys(frame["method"]))
    figure, grid = panels(2, len(ws), (0.9 + 5.0 * len(ws), 7.2))
    names: list[list] = [[] for _ in grid]
    shades, bins = _by_size(moved["dimension"]), list(dict.fromkeys(moved["bin"].cat.categories))
    for column, w in enumerate(ws):
        axes = grid[column]
        for place, method in enumerate(methods):
            own = frame[(frame["w"] == w) & (frame["method"] == method)]
            size = 11 - 3.2 * place  # one within the other, where they are equal
            shade, marker = look(method)
            names[column].append(_line(axes, "dimension", own, "moved", method, shade, marker, size=size))
        _log(axes, frame["dimension"], "dimension")
        head(axes, "Move away from the nearest boundary, std", f"{most} classes, w = {w:g}, {UNGUIDED}")
        axes = grid[len(ws) + column]
        first = moved[(moved["w"] == w) & (moved["method"] == methods[0])]
        for mark, (dimension, own) in zip(MARKERS, first.groupby("dimension")):
            own = own.assign(place=own["bin"].cat.codes).sort_values("place")
            names[len(ws) + column].append(_line(axes, "place", own, "moved", f"d = {dimension}", shades[dimension], mark))
        axes.xaxis.set_major_locator(FixedLocator(range(len(bins))))
        axes.set_xticklabels(bins, fontsize=9)
        axes.set_xlim(-0.4, len(bins) - 0.6)
        axes.set_xlabel("distance of the unguided sample, std")
        head(axes, "The same, by where the unguided sample was", f"{methods[0]}, w = {w:g}")
    _finish(grid, names)
    return figure


def _phases(axes: Axes, field: pd.DataFrame, worlds: pd.DataFrame, quantity: str) -> list[tuple]:
    """A quantity of the guidance field against lambda + log(dimension), of the worlds whose distance grows."""
    own = worlds[worlds["growth"] == 1]
    shades, ends = _by_size(own["dimension"]), []
    for world in own.itertuples():
        line = field[field["world"] == world.world].sort_values("logsnr")
        across = line["logsnr"] + np.log(world.dimension)
        axes.plot(across, line[quantity], color=shades[world.dimension], linewidth=1.6)
        ends.append((float(line[quantity].iloc[-1]), f"d = {world.dimension}", shades[world.dimension]))
    axes.set_xlim(-12, 10)
    axes.set_xlabel("λ + log(dimension)")
    title = {"posterior": "Mean p(c | z)", "difference": "Mean |eps(z, c) − eps(z)|²"}[quantity]
    head(axes, title, "of exact draws of class c; distance grows")
    return ends


def _turns(axes: Axes, windows: pd.DataFrame, measure: str) -> list[tuple]:
    """A change against the lambda where guidance turns, a line for each w and what it turns to; dotted: plain guidance at w."""
    plain, turned = windows[windows["method"] == REFERENCE], windows.dropna(subset="turn")
    kinds = list(turned.groupby(["w", "to"], sort=True))
    shades, ends = _by_size(range(len(kinds))), []
    for place, ((w, to), own) in enumerate(kinds):
        ends.append(_line(axes, "turn", own, measure, f"w = {w:g}, then {to:g}", shades[place], MARKERS[place]))
        for level in plain.loc[plain["w"] == w, measure]:
            axes.axhline(level, color=shades[place], linewidth=1.2, linestyle=":")
    axes.set_xlabel("λ where guidance turns")
    head(axes, f"Change of the {SHORT[measure]}", "guidance that turns, one world; dotted: plain guidance")
    return ends


def _line(
    axes: Axes, x: str, rows: pd.DataFrame, y: str, text: str, shade: str, marker: str = "o", style: object = "-",
    face: str | None = None, size: float = 5.0,
) -> tuple[float, str, str, str]:  # fmt: skip
    """A line with bars at its interval; returns its right end, as name_ends takes it."""
    rows = rows.sort_values(x)
    values = rows[y].to_numpy()
    axes.plot(rows[x], values, color=shade, marker=marker, markersize=size, linewidth=1.6, linestyle=style,
              markerfacecolor="white" if face else shade)  # fmt: skip
    low, high = (np.nan_to_num(rows[f"{y}_{end}"].to_numpy(), posinf=np.nan, neginf=np.nan) for end in ("low", "high"))
    held = np.isfinite(low) & np.isfinite(high)
    if held.any():
        error_bars(
            axes, rows[x].to_numpy(float)[held], values[held], np.array([values - low, high - values])[:, held], shade, 0.0
        )
    return (float(values[-1]) if len(values) else 0.0, text, shade, marker)


def _by_size(sizes: Iterable[int]) -> dict[int, str]:
    """Darker for larger."""
    every = sorted(set(sizes))
    return dict(zip(every, seaborn.color_palette("flare", len(every)).as_hex()))


def _log(axes: Axes, values: Iterable[float], name: str, few: bool = False) -> None:
    """A logarithmic x axis with a tick at each value that is not too near the next one's, or at powers of ten."""
    every = sorted(set(values))
    every = [one for one, after in zip(every, [*every[1:], float("inf")]) if after >= 1.5 * one]
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    if not few:
        axes.xaxis.set_major_locator(FixedLocator(every))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(name)


def _finish(grid: Sequence[Axes], names: Sequence[list], zero: Sequence[bool] = ()) -> None:
    """A line at no change, and the names of the lines, once all have been drawn."""
    for axes, wanted in zip(grid, zero or [True] * len(grid)):
        if wanted:
            axes.axhline(0, color=GREY, linewidth=1)
    for axes, ends in zip(grid, names):
        name_ends(axes, ends)


def _require(frame: pd.DataFrame) -> None:
    if frame.empty:
        raise ValueError("no cell of this claim is there")
