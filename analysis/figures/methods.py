"""Figures of many methods at once: small multiples by family, the reference in grey in each; price; galleries."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.colours import GREY, OF_REFERENCE, Look, colour, ink, looks
from analysis.figures.labels import label_panels, label_points
from analysis.figures.plane import CLASSES, contour, frame
from analysis.figures.style import head, label_y, panels, plain_numbers
from analysis.measures.grid import GridDensity
from analysis.metrics import metric
from analysis.statistics.compare import REFERENCE, reference
from analysis.statistics.pareto import of_means

NAMED = 12  # points that are all named
FEW = 12  # panels that may be large
WIDE = 9.2  # inches of what fills the column of a page


def by_family(
    cells: pd.DataFrame, x: str, y: str, family: Mapping[str, str], verdicts: Mapping[str, str] | None = None
) -> Figure:
    """y against x, w growing along each curve from w = 0: one panel a method, so that each can be followed, family after family,
    its name over the first; plain classifier-free guidance is grey in every panel. All panels have the same axes.

    Bars are one standard deviation, on either axis. The first and the last w that the frame holds are written at their points;
    the line under a name says which w were sampled, and how many of them lie outside.

    cells: of `analysis.statistics.compare.wide`; family: of each method, those that are not in `cells` being left out, so
    that a figure of one family has room on a page; verdicts: by method, words to stand under its name. The frame holds the
    reference and nine tenths of the cells. ValueError if no method is left.
    """
    drawn = {method: rows for method in family if len(rows := _curve(cells, method, x, y))}
    if not drawn:
        raise ValueError(f"no method but {REFERENCE} has {x} and {y}")
    groups = list(dict.fromkeys(family[method] for method in drawn))
    order = sorted(drawn, key=lambda method: groups.index(family[method]))
    headed = {family[method]: method for method in order[::-1]}.values()  # the first of each family
    columns = 3 if len(order) <= FEW else 4
    rows, heads = -(-len(order) // columns), len({order.index(method) // columns for method in headed})
    high = 1.95 + 0.15 * bool(verdicts)  # inches of a row
    figure, grid = panels(rows, columns, (WIDE, 0.5 + 0.25 * heads + high * rows))
    limits = {x: _limits(cells, x), y: _limits(cells, y, 0.0 if metric(y).higher_is_better is False else 0.02)}
    labels, own = [], looks(order)
    for place, (axes, method) in enumerate(zip(grid, order)):
        _panel(axes, reference(cells).dropna(subset=[x, y]), drawn[method], x, y, own[method])
        inside = _frame(axes, limits, x, y, drawn[method], first=place % columns == 0, last=place + columns >= len(order))
        lines = [_strengths(drawn[method]["w"], inside), *([verdicts[method]] if verdicts and method in verdicts else [])]
        _write_head(axes, method, lines, family[method] if method in headed else "")
        labels.append((axes, _ends(inside, x, y, colour(method))))
    for axes in grid[len(order) :]:
        axes.set_axis_off()
    figure.supxlabel(metric(x).axis, fontsize=11)
    figure.supylabel(fill(metric(y).axis, int(72 * figure.get_figheight() / 7)), fontsize=11)
    label_panels(labels)
    return figure


def _curve(cells: pd.DataFrame, method: str, x: str, y: str) -> pd.DataFrame:
    """The cells of a method that have both numbers, from w = 0 on, that of its own network if it has one; none where it has no
    other.
    """
    rows = cells[cells["method"] == method].dropna(subset=[x, y]).sort_values("w")
    if not (rows["w"] != 0).any():
        return rows[:0]
    plain = reference(cells)
    return rows if (rows["w"] == 0).any() else pd.concat([plain[plain["w"] == 0], rows])


def _limits(cells: pd.DataFrame, name: str, below: float = 0.02) -> tuple[float, float]:
    """What holds the whole reference, and all cells but this share of the least and a tenth of the largest values."""
    own, values = reference(cells)[name], cells[name].dropna()
    return min(own.min(), values.quantile(below)), max(own.max(), values.quantile(0.9))


def _panel(axes: Axes, plain: pd.DataFrame, rows: pd.DataFrame, x: str, y: str, own: Look) -> None:
    """A method's curve over the reference's."""
    axes.plot(plain[x], plain[y], color=OF_REFERENCE, linewidth=3.5, solid_capstyle="round", zorder=1)
    bars = {"xerr": rows.get(f"{x}_sd"), "yerr": rows.get(f"{y}_sd")}
    look = {"color": own.colour, "marker": own.marker, "markersize": 4, "linewidth": 1.4, "elinewidth": 0.6}
    axes.errorbar(rows[x], rows[y], **bars, **look, zorder=3)
    axes.scatter(rows[x].iloc[:1], rows[y].iloc[:1], color="black", s=18, zorder=4)


def _frame(
    axes: Axes, limits: Mapping[str, tuple[float, float]], x: str, y: str, rows: pd.DataFrame, *, first: bool, last: bool
) -> pd.DataFrame:
    """The axes that all panels share, numbered in the first of a row and the last of a column; returns the cells inside them."""
    inside = pd.Series(True, index=rows.index)
    for name, along, numbered in ((x, "x", last), (y, "y", first)):
        low, high = limits[name]
        margin = 0.06 * (high - low)
        low, high = (0.92 * low if along == "y" and low > 0 else low - margin), high + margin
        if along == "y" and low > 0 and high >= 4 * low:
            axes.set(yscale="log", ylim=(low, high))
            plain_numbers(axes.yaxis)
        else:
            axes.set(**{f"{along}lim": (low, high)})
            getattr(axes, f"{along}axis").set_major_locator(MaxNLocator(4))
        axes.tick_params(axis=along, labelsize=8, **({} if numbered else {f"label{'left' if along == 'y' else 'bottom'}": False}))
        inside &= rows[name].between(low, high)
    return rows[inside]


def _strengths(ws: pd.Series, inside: pd.DataFrame) -> str:
    """Which w a panel holds, in words."""
    guided, out = ws[ws != 0], int(len(ws) - len(inside))
    return f"w = {guided.min():g} to {guided.max():g}" + (f", {out} of {len(guided)} outside" if out else "")


def _ends(inside: pd.DataFrame, x: str, y: str, shade: str) -> list[tuple[float, float, str, str]]:
    """The last and the first point in the frame where a method guides, with their w to be written."""
    guided = inside[inside["w"] != 0]
    ends = guided.iloc[[-1, 0]].drop_duplicates() if len(guided) > 1 else guided
    return [(row[x], row[y], f"{row['w']:g}", shade) for _, row in ends.iterrows()]


def _write_head(axes: Axes, method: str, lines: Sequence[str], group: str) -> None:
    """The name in the method's colour over small grey lines, and over the first panel of a family its name."""
    up = 3.0
    written = [*((line, 8, GREY, "normal") for line in lines[::-1]), (method, 10, ink(colour(method)), "bold")]
    for text, size, shade, weight in written:
        at = {"xycoords": "axes fraction", "textcoords": "offset points"}
        axes.annotate(text, (0, 1), (0, up), fontsize=size, color=shade, fontweight=weight, **at)
        up += 1.25 * size
    if group:
        axes.set_title(group, loc="left", fontsize=13, pad=up + 6)


def cost(cells: pd.DataFrame, price: str, quality: str) -> Figure:
    """The smallest `quality` of each method over its w, against what it costs there as a multiple of the unguided cost.

    Every method has its own look; of many, those are named that lie on the step line, the front: the best at this price or less.
    Shaded is the area under it, up to the reference point of `analysis.statistics.pareto`: grey that of plain guidance alone,
    lighter what the other methods add.
    """
    plain = cells[(cells["method"] == REFERENCE) & (cells["w"] == 0)]
    if len(plain):
        unguided, label = plain[price].iloc[0], f"{metric(price).axis}, over the unguided {plain[price].iloc[0]:.3g}"
    else:
        unguided, label = 1.0, metric(price).axis
    cells, plain = (rows.assign(**{price: rows[price] / unguided}) for rows in (cells, plain))
    rows = cells[cells["w"] != 0].dropna(subset=[quality])
    best = rows.loc[rows.groupby(["method", "steps"])[quality].idxmin()].sort_values([price, quality])
    figure, (axes,) = panels(1, 1, (9.0, 5.2))
    front, few = best[quality].cummin(), len(best) <= NAMED
    named = best if few else best[best[quality] <= front]
    own = looks(best["method"])
    for method, (shade, marker) in own.items():
        members, name = best[best["method"] == method], method if method in {*named["method"]} else None
        axes.scatter(members[price], members[quality], s=26, color=shade, marker=marker, label=name, zorder=3)
    axes.scatter(plain[price], plain[quality], color="black", s=30, label="w = 0", zorder=4)
    axes.step(best[price], front, where="post", color=GREY, linewidth=1)
    axes.set_xscale("log")
    axes.margins(x=0.12)  # room for names
    plain_numbers(axes.xaxis)
    axes.set_ylim(*_focus(best[quality], 1.0 if few else 0.95))
    axes.set_xlabel(label)
    label_y(axes, metric(quality).axis)
    line = f"line: the best at this price or less{'' if few else '; named where they lie on it'}"
    head(axes, f"Best {metric(quality).axis} of each method", line + _shade_areas(axes, cells, quality, price))
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    points = zip(named[price], named[quality], named["method"], [own[method].colour for method in named["method"]])
    label_points(axes, list(points)[::-1])
    return figure


def _shade_areas(axes: Axes, cells: pd.DataFrame, quality: str, price: str) -> str:
    """Shades the areas under the fronts, and says how large they are; nothing where plain guidance gives no reference point."""
    try:
        (up, along), areas = of_means(cells, quality, price)
    except ValueError:
        return ""
    limits = axes.get_xlim(), axes.get_ylim()
    for rows, shade, under in ((cells, "#e9edf3", 0.5), (cells[cells["method"] == REFERENCE], "#cfd3da", 0.6)):
        corners = rows[(rows[price] < along.worst) & (rows[quality] < up.worst)].sort_values([price, quality])
        across, high = [*corners[price], along.worst], [*corners[quality].cummin()]
        axes.fill_between(across, [*high, high[-1]], up.worst, step="post", color=shade, linewidth=0, zorder=under)
    axes.set(xlim=limits[0], ylim=limits[1])
    return f". Area under the front, w = 0 being 1: {areas[REFERENCE]:.2f} of plain guidance, {areas['all']:.2f} with all others"


def _focus(values: pd.Series, share: float) -> tuple[float, float]:
    """A range that holds this share of the values, from the least."""
    low, high = values.min(), values.quantile(share)
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


def image_gallery(images: Mapping[str, UInt8[np.ndarray, "k ..."]], columns: int = 2) -> Figure:
    """A row of samples for each name, in `columns` blocks. ValueError if there are none."""
    if not images:
        raise ValueError("images is empty: give at least one row")
    count = -(-len(images) // columns)
    figure, grid = panels(count, columns, (4.6 * columns, 0.62 * count + 0.2))
    for axes, (name, row) in zip(grid, images.items()):
        gap = max(1, row.shape[1] // 8)
        strip = np.concatenate(
            [np.pad(sample, [(0, 0), (0, gap)] + [(0, 0)] * (row.ndim - 3), constant_values=255) for sample in row], 1
        )
        axes.imshow(strip, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(name, fontsize=8, loc="left", pad=2)
    for axes in grid:
        axes.set_axis_off()
    return figure


def plane_gallery(
    tilted: Sequence[GridDensity], drawn: Mapping[str, tuple[np.ndarray, np.ndarray]], columns: int = 5, reach: float = 2.6
) -> Figure:
    """A panel of samples (n, 2) with labels (n,) for each name, over the contours of one density per class."""
    count = -(-len(drawn) // columns)
    figure, grid = panels(count, columns, (1.75 * columns, 1.95 * count))
    for axes, (name, (x, label)) in zip(grid, drawn.items()):
        for density, shade in zip(tilted, CLASSES):
            contour(axes, density, shade)
        axes.scatter(*x[:450].T, s=1.6, c=[CLASSES[c] for c in label[:450]], linewidths=0, alpha=0.7)
        frame(axes, reach, name.replace(", ", "\n"))
        axes.title.set_fontsize(7.5)
    for axes in grid[len(drawn) :]:
        axes.set_axis_off()
    return figure
