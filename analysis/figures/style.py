"""How every figure looks: few lines, plain numbers on the axes, and files whose bytes depend on what they show alone."""

import io
import math
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Literal

import matplotlib
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter
from matplotlib.transforms import ScaledTranslation
from PIL import Image

from analysis.figures.colours import GREY, colour
from analysis.figures.labels import label_points, name_ends
from analysis.files import write_atomically

__all__ = ["GREY", "colour", "label_points", "name_ends"]  # and what is below: all that a figure needs
DASHED = (0, (3, 2))  # a method's curve at the n of the test set
REAL_LINE = {"color": GREY, "linestyle": (0, (7, 2.5, 1.2, 2.5)), "linewidth": 1.2}  # dash-dot: never taken for a dashed curve
_LINEAR = 0.15  # where the axis of w turns from linear to logarithmic
Format = Literal["png", "pdf", "svg"]
DPI = 160  # of PNG
FORMATS: tuple[Format, ...] = ("png", "pdf", "svg")
_FILES = {  # what the bytes of a figure depend on, whatever a user has set
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: equal letters everywhere
    "pdf.fonttype": 42,  # TrueType, embedded, as journals ask: letters can be searched and selected
    "svg.fonttype": "path",  # outlines: the same letters where the font is not installed, which an SVG cannot embed portably
    "svg.hashsalt": "guidance-bench",  # else its ids are random
    "path.simplify": True,
}
_NO_DATES = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


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
    wide = 72 * axes.figure.get_figwidth() * axes.get_position().width / (np.ptp(stretched) + 2 * margin)
    written = _apart(values, wide * np.arcsinh(np.array(values) / _LINEAR), 9.0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda w, _: f"{w:g}" if w in written else ""))
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("guidance strength w")


def _apart(values: list[float], places: np.ndarray, size: float) -> set[float]:
    """Those of the numbers that can be written at their places, in points, without touching: 0 and the ends before others."""
    wide = [0.64 * size * len(f"{value:g}") + 4 for value in values]
    kept: list[int] = []
    for i in sorted(range(len(values)), key=lambda i: (values[i] != 0, i not in (0, len(values) - 1), i)):
        if all(abs(places[i] - places[j]) > (wide[i] + wide[j]) / 2 for j in kept):
            kept.append(i)
    return {values[i] for i in kept}


def head(axes: Axes, title: str, subtitle: str) -> None:
    """A title flush left with a smaller grey line under it, both wrapped to the axes' share of the figure."""
    columns = axes.get_subplotspec().get_geometry()[1]
    wide = 72 * axes.figure.get_figwidth() / columns - 40
    title, subtitle = (fill(text, max(12, int(wide / letter))) for text, letter in ((title, 6.9), (subtitle, 5.3)))
    axes.set_title(title, loc="left", fontsize=12, pad=7 + 12.5 * (subtitle.count("\n") + 1))
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=9, color=GREY, linespacing=1.15)


def label_y(axes: Axes, text: str, size: float = 10.5) -> None:
    """The name of the y axis, wrapped to its length."""
    tall = 72 * axes.figure.get_figheight() * axes.get_position().height
    axes.set_ylabel(fill(text, max(14, int(tall / (0.58 * size))), break_on_hyphens=False, break_long_words=False), fontsize=size)


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
    if not len(values) or (low := np.nanmin(values)) <= 0 or np.nanmax(values) < least * low:
        return
    axes.set(**{f"{along}scale": "log"})
    plain_numbers(getattr(axes, f"{along}axis"))


def plain_numbers(axis: Axis) -> None:
    """Ticks of a logarithmic axis, written plainly: as many as do not touch within its limits."""
    low, high = sorted(axis.axes.get_xlim() if axis.axis_name == "x" else axis.axes.get_ylim())
    subs = next((some for some in _SUBS if _fits(axis, some, low, high)), (1.0,))
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


_SUBS = ((1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0), (1.0, 2.0, 3.0, 5.0), (1.0, 3.0))


def _fits(axis: Axis, subs: tuple[float, ...], low: float, high: float) -> bool:
    """Whether these ticks of every decade can be written beside each other, with a line's room between them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [sub * 10.0**decade for decade in decades for sub in subs if low <= sub * 10.0**decade <= high]
    box, across = axis.axes.get_position(), axis.axis_name == "x"
    length = 72 * (axis.axes.figure.get_figwidth() * box.width if across else axis.axes.figure.get_figheight() * box.height)
    places = [length * math.log(tick / low) / math.log(high / low) for tick in ticks]
    rooms = [6.6 * len(f"{tick:g}") + 6 if across else 15 for tick in ticks]
    return all(b - a > max(rooms[i : i + 2]) for i, (a, b) in enumerate(zip(places, places[1:])))


def rendered(figure: Figure, kind: Format = "png", dpi: int = 160) -> bytes:
    """The figure as a file: the same bytes for the same figure, no date, and every font embedded (PDF) or drawn as outlines
    (SVG).
    """
    buffer, again = io.BytesIO(), kind == "png" and not any(axes.images for axes in figure.axes)
    options = {"pil_kwargs": {"compress_level": 1}} if again else {}  # not in earnest: it is opened at once
    with matplotlib.rc_context(_FILES):
        figure.savefig(buffer, format=kind, dpi=dpi, facecolor="white", metadata=_NO_DATES[kind], **options)
    if not again:
        return buffer.getvalue()
    few, smaller = (
        Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE),
        io.BytesIO(),
    )
    few.save(smaller, "png", optimize=True)  # lines and letters have few colours: a third of the bytes
    return smaller.getvalue()


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG, the same bytes for the same figure."""
    return rendered(figure, "png", dpi)


def save(figure: Figure, path: str | Path, dpi: int = DPI) -> Path:
    """The figure as a file of the kind that its name ends in, atomically. ValueError for a kind that is none of FORMATS."""
    kind = Path(path).suffix.removeprefix(".")
    if kind not in FORMATS:
        raise ValueError(f"{path}: a figure is saved as {', '.join(FORMATS)}")
    return write_atomically(path, rendered(figure, kind, dpi))
