"""Figures of many methods at once: small multiples by family, the reference in grey in each; price; galleries."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.compare import REFERENCE, reference
from analysis.grid import GridDensity
from analysis.metrics import metric
from analysis.plane_figures import CLASSES, contour, frame
from analysis.style import GREY, head, label_points, name_ends, panels, plain_numbers, scale_log


def by_family(cells: pd.DataFrame, x: str, y: str, family: Mapping[str, str]) -> Figure:
    """y against x of every method, w growing along its curve from w = 0: one panel per family, the reference in each.

    Bars are one standard deviation, on either axis.

    cells: of `analysis.compare.wide`; family: of each method, those that are not in `cells` being left out. Axes are those of
    the reference, widened; what leaves them is cut.
    """
    sampled = set(cells["method"]) - {REFERENCE}
    family = {method: group for method, group in family.items() if method in sampled}
    families = list(dict.fromkeys(family.values()))
    columns = min(3, len(families))
    count = -(-len(families) // columns)
    figure, grid = panels(count, columns, (5.4 * columns, 4.2 * count))
    curve = reference(cells)
    start = curve[curve["w"] == 0]
    for axes, group in zip(grid, families):
        axes.plot(curve[x], curve[y], color="#b5b5b5", linewidth=4, solid_capstyle="round", zorder=1)
        axes.scatter(start[x], start[y], color="black", s=22, zorder=4)
        members = [method for method in family if family[method] == group]
        shades = seaborn.husl_palette(len(members), l=0.5).as_hex()
        ends = []
        for method, shade in zip(members, shades):
            rows = cells[(cells["method"] == method) & (cells["w"] != 0)].dropna(subset=[x, y]).sort_values("w")
            if rows.empty:  # copies of particles have no density, and no distance from one
                continue
            rows = pd.concat([start, rows])
            bars = {"xerr": rows.get(f"{x}_sd"), "yerr": rows.get(f"{y}_sd")}
            look = {"color": shade, "linewidth": 1.3, "elinewidth": 0.5, "marker": "o", "markersize": 2.6}
            axes.errorbar(rows[x], rows[y], **bars, **look, zorder=3)
            ends.append((rows[y].iloc[-1], method, shade))
        _bound(axes, cells, x, y)
        axes.set(xlabel=metric(x).axis, ylabel=metric(y).axis)
        head(axes, group, "grey: classifier-free; black: w = 0")
        scale_log(axes)
        low, high = axes.get_ylim()
        name_ends(axes, [(min(max(end, low), high), name, shade) for end, name, shade in ends])
    for axes in grid[len(families) :]:
        axes.set_axis_off()
    return figure


def _bound(axes: Axes, cells: pd.DataFrame, x: str, y: str) -> None:
    """Axes that hold nine tenths of the cells and the whole reference."""
    curve = reference(cells)
    for name, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        values = cells[name].dropna()
        low = min(curve[name].min(), values.quantile(0.02))
        high = max(curve[name].max(), values.quantile(0.9))
        margin = 0.05 * (high - low)
        limit(low - (margin if low <= 0 or name == x else 0.1 * low), high + margin)


def cost(cells: pd.DataFrame, price: str, quality: str, family: Mapping[str, str]) -> Figure:
    """The smallest `quality` of each method over its w, against what it costs there; the step line is the best so far."""
    family = {**family, REFERENCE: REFERENCE}
    rows = cells[cells["w"] != 0].dropna(subset=[quality])
    best = rows.loc[rows.groupby(["method", "steps"])[quality].idxmin()].sort_values(price)
    plain = cells[(cells["method"] == REFERENCE) & (cells["w"] == 0)]
    figure, (axes,) = panels(1, 1, (9.0, 5.2))
    groups = list(dict.fromkeys(family.values()))
    shades = dict(zip(groups, seaborn.color_palette("colorblind", len(groups)).as_hex()))
    for group in groups:
        members = best[[family[method] == group for method in best["method"]]]
        axes.scatter(members[price], members[quality], s=22, color=shades[group], label=group, zorder=3)
    axes.scatter(plain[price], plain[quality], color="black", s=30, label="w = 0", zorder=4)
    front = best[quality].cummin()
    axes.step(best[price], front, where="post", color=GREY, linewidth=1)
    axes.set_xscale("log")
    axes.margins(x=0.12)  # room for names
    plain_numbers(axes.xaxis, best[price].min(), best[price].max())
    axes.set_ylim(*_focus(best[quality]))
    axes.set(xlabel=metric(price).axis, ylabel=metric(quality).axis)
    axes.legend(frameon=False, fontsize=9)
    named = best[best[quality] <= front]
    points = list(zip(named[price], named[quality], named["method"], [shades[family[method]] for method in named["method"]]))
    label_points(axes, points)
    head(
        axes,
        f"Best {metric(quality).axis} of each method",
        "line: the best at this price or less; named where they lie on it",
    )
    return figure


def _focus(values: pd.Series) -> tuple[float, float]:
    low, high = values.min(), values.quantile(0.95)
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


def image_gallery(images: Mapping[str, UInt8[np.ndarray, "k ..."]], columns: int = 3) -> Figure:
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
    tilted: Sequence[GridDensity], drawn: Mapping[str, tuple[np.ndarray, np.ndarray]], columns: int = 8, reach: float = 2.6
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
