"""How every figure looks: one colour per method, few lines, the names beside the curves instead of in a legend."""

import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter
from matplotlib.transforms import Affine2D, Bbox, ScaledTranslation

from analysis.files import write_atomically

_PALETTE = seaborn.color_palette("colorblind").as_hex()
COLOURS = {"classifier-free": _PALETTE[0], "classifier": _PALETTE[3]}
COLOURS |= dict(zip(("apg", "autoguidance", "limited-interval", "cfg++"), (_PALETTE[i] for i in (2, 5, 9, 1))))
GREY = "#5f6368"
DASHED = (0, (3, 2))  # a method's curve at the n of the test set
REAL_LINE = {"color": GREY, "linestyle": (0, (7, 2.5, 1.2, 2.5)), "linewidth": 1.2}  # dash-dot: never taken for a dashed curve
_SPARE = [_PALETTE[i] for i in (4, 6, 2, 5, 9, 1)]  # those of no method first
_LINEAR = 0.15  # where the axis of w turns from linear to logarithmic


def colour(method: str, among: Sequence[str]) -> str:
    """The method's own colour; any other name, say "bounded(radius=5)", takes the next of the colour-blind-safe palette, those
    that no method among these owns first.
    """
    names = {method, *among}
    owned = {COLOURS[name] for name in names & set(COLOURS)}
    spare, others = sorted(_SPARE, key=lambda shade: shade in owned), sorted(names - set(COLOURS))
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
    """An x axis of guidance strength with a tick at each w measured; asinh keeps 0, 0.1 and 0.2 apart and allows w < 0."""
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


def head(axes: Axes, title: str, subtitle: str) -> None:
    """A title flush left with a smaller grey line under it."""
    axes.set_title(title, loc="left", fontsize=12, pad=20)
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=9, color=GREY)


def error_bars(axes: Axes, x: np.ndarray, y: np.ndarray, yerr: np.ndarray, shade: str, aside: float) -> None:
    """Vertical bars with caps, `aside` points to the right of their x, so that the bars of two curves do not cover each other."""
    moved = axes.transData + ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
    axes.errorbar(x, y, yerr=yerr, fmt="none", ecolor=shade, elinewidth=1, capsize=2, transform=moved)
    axes.update_datalim(np.column_stack([np.tile(x, 2), np.concatenate([y - yerr[0], y + yerr[1]])]))
    axes.autoscale_view(scalex=False)


def scale_shares(axes: Axes) -> None:
    """A y axis of shares: round steps, each tick with as many decimals as the others (0.98, 0.99, 1.00), and none above 1."""
    bottom, top = axes.get_ylim()
    if top - bottom < 0.05:
        bottom = math.floor(100 * bottom) / 100  # down to a tick, else two ticks may be all
    axes.set_ylim(bottom, min(top, 1 + 0.04 * (1 - bottom)))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 10]))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))


def scale_log(axes: Axes, least: float = 4.0, along: str = "y") -> None:
    """A logarithmic axis, "x" or "y", with plain numbers (0.3, not 3 x 10^-1), for what is drawn in axes that share it.

    It stays linear if the largest value is less than `least` times the smallest, or if a value is not positive.
    """
    family = getattr(axes, f"get_shared_{along}_axes")().get_siblings(axes)
    lines = [line for one in family for line in one.lines]
    values = np.concatenate([[], *(np.asarray(getattr(line, f"get_{along}data")(), float) for line in lines)])
    if not len(values) or (low := np.nanmin(values)) <= 0 or (high := np.nanmax(values)) < least * low:
        return
    axes.set(**{f"{along}scale": "log"})
    plain_numbers(getattr(axes, f"{along}axis"), low, high)


def plain_numbers(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis from `low` to `high`, few and written plainly."""
    subs = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0) if high < 10 * low else (1.0, 2.0, 3.0, 5.0)
    subs = subs if high < 3e3 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


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
    """Write each (x, y, text, colour) beside its point, in data coordinates, where it covers no other text and little line."""
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
            text, (x, y), xytext=offsets[chosen], textcoords="offset points",
            ha="center", va="center", fontsize=8.5, color=shade,
        )  # fmt: skip


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
