"""How every figure looks: one colour per method, few lines, the names beside the curves instead of in a legend."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Affine2D, Bbox

from analysis.files import write_atomically

_PALETTE = seaborn.color_palette("colorblind").as_hex()
COLOURS = {"classifier-free": _PALETTE[0], "classifier": _PALETTE[3]}
GREY = "#5f6368"
_LINEAR = 0.15  # where the axis of w turns from linear to logarithmic


def colour(method: str, among: Sequence[str]) -> str:
    """The method's own colour; a method without one takes the next of the colour-blind-safe palette."""
    others = [name for name in among if name not in COLOURS]
    spare = [c for c in _PALETTE if c not in COLOURS.values()]
    return COLOURS.get(method) or spare[others.index(method) % len(spare)]


def panels(rows: int, columns: int, size: tuple[float, float], *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of `size` inches that pyplot does not know, so that nothing has to be closed, and its axes in reading order."""
    with seaborn.axes_style("ticks"), seaborn.plotting_context("notebook", font_scale=0.95):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, list(grid.flat)


def scale_w(axes: Axes, values: Iterable[float]) -> None:
    """An axis of w with a tick at each w measured: asinh, which keeps 0, 0.1, 0.2 apart, reaches 4, and allows w < 0."""
    values = sorted(set(values))
    axes.set_xscale("asinh", linear_width=_LINEAR)
    stretched = np.arcsinh(np.array([values[0], values[-1]]) / _LINEAR)
    margin = 0.04 * max(float(np.ptp(stretched)), 1.0)
    axes.set_xlim(*(_LINEAR * np.sinh(stretched + [-margin, margin])))
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda w, _: f"{w:g}"))
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("guidance strength w")


def scale_log(axes: Axes) -> None:
    """A logarithmic y axis with plain numbers (0.3, not 3 x 10^-1)."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))


def name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each (y, text, colour) to the right of the axes at its own height, pushed apart where texts would touch."""
    axes.get_ylim()  # autoscaling is lazy, and the transform does not wait for it
    axes.figure.draw_without_rendering()  # nor does the layout
    line = 13 * axes.figure.dpi / 72 / axes.get_window_extent().height  # a line of text, as a share of the axes
    to_axes = axes.transData + axes.transAxes.inverted()
    floor = -1.0
    placed = []
    for y, text, shade in sorted((float(to_axes.transform((1, y))[1]), text, shade) for y, text, shade in ends):
        half = (text.count("\n") + 1) * line / 2
        middle = max(y, floor + half)
        floor = middle + half
        placed.append((middle, text, shade))
    down = max(0.0, floor - 1.02)
    for middle, text, shade in placed:
        axes.annotate(
            text, (1, middle - down), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            color=shade, va="center", fontsize=9.5, annotation_clip=False,
        )  # fmt: skip


def label_points(axes: Axes, points: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each (x, y, text, colour) beside its point, on the side where it covers no other text and little line."""
    axes.get_xlim(), axes.get_ylim()
    axes.figure.draw_without_rendering()
    to_points = axes.transData + Affine2D().scale(72 / axes.figure.dpi)
    dots = to_points.transform([(x, y) for x, y, _, _ in points])
    ink = np.concatenate([_along(to_points.transform(line.get_xydata())) for line in axes.lines] or [dots])
    taken: list[Bbox] = []
    for (x, y, text, shade), dot in zip(points, dots):
        size = np.array([6.0 * len(text), 10.0])
        offsets = [np.array(side) * (size / 2 + reach) for reach in (3, 7, 12) for side in _SIDES]
        boxes = [Bbox.from_bounds(*(dot + offset - size / 2), *size) for offset in offsets]
        clashes = [20 * sum(box.overlaps(other) for other in taken) + box.count_contains(ink) for box in boxes]
        chosen = clashes.index(min(clashes))
        taken.append(boxes[chosen])
        axes.annotate(
            text,
            (x, y),
            xytext=offsets[chosen],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8.5,
            color=shade,
        )


def _along(corners: np.ndarray) -> np.ndarray:
    """Points close together on the line through `corners`, (m, 2)."""
    steps = np.linspace(0, 1, 40)[:, None]
    return np.concatenate([corners, *(a + (b - a) * steps for a, b in zip(corners, corners[1:]))])


_SIDES = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]


def png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: str | Path, dpi: int = 160) -> Path:
    """The figure as a PNG file, atomically."""
    return write_atomically(path, png(figure, dpi))
