"""Labels in a figure that never cover each other: names at the right edge, numbers beside points, and a check of all texts."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase

from analysis.figures.colours import ink

NAME_SIZE, NUMBER_SIZE = 9.5, 8.5  # points
LEAST_SIZE = 5.5  # of names that would not find room otherwise
_LINE = 1.32  # of a size, from one line of text to the next
_PAD = 1.0  # points around a label that stay free
_LEADER = 8.0  # points between a point and its label from which on a line joins them
_GLYPHS = dict(zip("osDd^v<>PX*phH8", "●■◆♦▲▼◀▶✚✖★⬟⬢⬣⬤"))  # the markers as letters of DejaVu Sans
_ANGLES = np.deg2rad([90, 270, 0, 180, 45, 135, 315, 225, 67, 113, 293, 247, 22, 158, 338, 202])
_SIDES = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_GAPS = (2.5, 5.0, 9.0, 14.0, 20.0, 27.0, 35.0, 45.0, 57.0, 71.0, 88.0)
Point = tuple[float, float, str, str]


def name_ends(axes: Axes, ends: Sequence[tuple]) -> None:
    """Write each (y, text, colour) or (y, text, colour, marker) to the right of the axes, as near to its own height as texts
    that do not touch can be, with a line back to that height where it was moved.

    Letters are smaller where the names would not fit beside the axes.
    """
    if not ends:
        return
    low, high = sorted(axes.get_ylim())  # autoscaling is lazy, and the transform does not wait for it
    lay_out(axes.figure.figure)  # nor does the layout
    tall = axes.get_window_extent().height * 72 / axes.figure.dpi
    to_axes = axes.transData + axes.transAxes.inverted()
    own = [(float(to_axes.transform((1, min(max(y, low), high)))[1]), *rest) for y, *rest in ends]
    own.sort(key=lambda end: end[:2])
    lines = np.array([text.count("\n") + 1 for _, text, *_ in own])
    size = min(NAME_SIZE, max(LEAST_SIZE, tall / (_LINE * lines.sum())))
    heights = _spread(np.array([end[0] for end in own]) * tall, _LINE * size * lines, tall)
    for (share, text, shade, *marker), height in zip(own, heights):
        up, letters = height - share * tall, ink(shade)
        options = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center", "annotation_clip": False}
        line = {"arrowstyle": "-", "color": shade, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 1, "relpos": (0, 0.5)}
        moved = {"arrowprops": line} if abs(up) > 2 else {}
        out = 9
        if marker:
            axes.annotate(_GLYPHS[marker[0]], (1, share), (out, up), color=shade, fontsize=0.85 * size, **options, **moved)
            out, moved = out + 1.1 * size, {}
        axes.annotate(text, (1, share), (out, up), color=letters, fontsize=size, linespacing=1.1, **options, **moved)


def lay_out(figure: Figure) -> None:
    """Axes have the places that drawing would give them: half of what drawing without a file costs."""
    if figure.axes and (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)


def _spread(wanted: np.ndarray, sizes: np.ndarray, room: float) -> np.ndarray:
    """Middles of intervals of these sizes that do not touch, in the order of `wanted` and, in the sum of squares, as near to it
    as they can be within 0 to `room` (pool adjacent violators).
    """
    groups: list[list[float]] = []  # [sum of offsets, members, size]
    members: list[list[int]] = []
    for i, (middle, size) in enumerate(zip(wanted, sizes)):
        groups.append([float(middle - size / 2), 1.0, float(size)])
        members.append([i])
        while len(groups) > 1 and _start(groups[-2], room) + groups[-2][2] > _start(groups[-1], room):
            total, count, long = groups.pop()
            groups[-1][0] += total - count * groups[-1][2]
            groups[-1][1] += count
            groups[-1][2] += long
            last = members.pop()
            members[-1] += last
    found = np.empty(len(sizes))
    for group, own in zip(groups, members):
        at = _start(group, room)
        for i in own:
            found[i] = at + sizes[i] / 2
            at += sizes[i]
    return found


def _start(group: list[float], room: float) -> float:
    total, count, size = group
    return float(min(max(total / count, 0.0), max(0.0, room - size)))


def label_points(axes: Axes, points: Sequence[Point]) -> list[str]:
    """Write each (x, y, text, colour) near its point, in data coordinates; returns the texts that found no room.

    To be called when all else is in the axes, names at their edge included: labels keep within them.
    """
    return label_panels([(axes, points)])


def label_panels(panels: Sequence[tuple[Axes, Sequence[Point]]]) -> list[str]:
    """`label_points` in several axes of one figure.

    A label takes the place, of those around its point, where it covers no other text and the fewest lines, the nearer the
    better; a thin line joins them where that is not beside it. What comes first has the choice. A label that could only stand
    on another text is left out.
    """
    panels = [(axes, points) for axes, points in panels if len(points)]
    if not panels:
        return []
    figure = panels[0][0].figure.figure
    for axes, _ in panels:
        axes.get_xlim(), axes.get_ylim()
    figure.draw_without_rendering()
    left_out = []
    for axes, points in panels:
        left_out += _Placing(axes, figure.dpi / 72).all(points)
    return left_out


class _Placing:
    """The labels of one axes, and what they must not cover; everything in points."""

    def __init__(self, axes: Axes, scale: float):
        self.axes, self.scale = axes, scale
        self.frame = self._box(axes.get_window_extent())
        legend = axes.get_legend()
        self.taken = [self._box(Text.get_window_extent(text)) for _, text in texts(axes)]
        self.taken += [self._box(legend.get_window_extent())] if legend is not None else []
        self.ink = np.concatenate([np.zeros((0, 2)), *(self._along(corners) for corners in _drawn(axes))])
        self.ink = self.ink[((self.ink >= self.frame.min) & (self.ink <= self.frame.max)).all(axis=1)]

    def all(self, points: Sequence[Point]) -> list[str]:
        at = self.axes.transData.transform(np.array([point[:2] for point in points], float)) / self.scale
        return [point[2] for point, dot in zip(points, at) if not self._place(point, dot)]

    def _place(self, point: Point, dot: np.ndarray) -> bool:
        x, y, text, shade = point
        shown = self.axes.annotate(
            text, (x, y), (0, 0), textcoords="offset points", ha="center", va="center", fontsize=NUMBER_SIZE, color=ink(shade)
        )
        shown.set_in_layout(False)  # it lies within the axes, and must not move what it was placed among
        own = self._box(shown.get_window_extent())
        size = np.array([own.width, own.height]) + 2 * _PAD
        best: tuple[float, np.ndarray, float] | None = None
        for gap in _GAPS:
            for side in _SIDES:
                offset = side * (size / 2 + gap - _PAD)
                box = Bbox.from_bounds(*(dot + offset - size / 2), *size)
                if not self._free(box):
                    continue
                joined = self._line(dot, dot + offset, size) if gap > _LEADER else np.zeros((0, 2))
                if any(taken.count_contains(joined) for taken in self.taken):
                    continue
                cost = 2 * box.count_contains(self.ink) + 0.25 * gap + (2 if gap > _LEADER else 0)
                if best is None or cost < best[0]:
                    best = (cost, offset, gap)
            if best is not None and best[0] < 0.25 * gap:  # none further out can be better
                break
        if best is None:
            shown.remove()
            return False
        _, offset, gap = best
        shown.set_position(tuple(offset))
        self.taken.append(Bbox.from_bounds(*(dot + offset - size / 2), *size))
        if gap > _LEADER:
            self.ink = np.concatenate([self.ink, self._line(dot, dot + offset, size)])
            self._join(x, y, offset, size, shade)
        return True

    def _join(self, x: float, y: float, offset: np.ndarray, size: np.ndarray, shade: str) -> None:
        """A thin line from the point to the edge of its label."""
        end = offset * (1 - _edge(offset, size))
        line = {"arrowstyle": "-", "color": shade, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
        joined = self.axes.annotate("", (x, y), tuple(end), textcoords="offset points", arrowprops=line)
        joined.set_in_layout(False)

    def _line(self, dot: np.ndarray, middle: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Points on the line from the point to the edge of its label."""
        return dot + (middle - dot) * (1 - _edge(middle - dot, size)) * np.linspace(0.1, 1, 12)[:, None]

    def _free(self, box: Bbox) -> bool:
        inside = self.frame.x0 <= box.x0 and box.x1 <= self.frame.x1 and self.frame.y0 <= box.y0 and box.y1 <= self.frame.y1
        return bool(inside) and not any(box.overlaps(other) for other in self.taken)

    def _box(self, pixels: BboxBase) -> Bbox:
        return Bbox(pixels.get_points() / self.scale)

    def _along(self, corners: np.ndarray) -> np.ndarray:
        """Points, three apart, on the line through `corners`, (m, 2) in pixels."""
        corners = corners[np.isfinite(corners).all(axis=1)] / self.scale
        pieces = [np.repeat(corners, 3, axis=0)]  # a corner bears a marker
        for a, b in zip(corners, corners[1:]):
            count = int(min(400, np.hypot(*(b - a)) / 3))
            pieces.append(a + (b - a) * np.linspace(0, 1, count + 2)[1:-1, None])
        return np.concatenate(pieces)


def _edge(offset: np.ndarray, size: np.ndarray) -> float:
    """Which share of the way from a point to the middle of its label, `offset` away, lies inside the label."""
    return float(min(1.0, np.min(size / 2 / np.maximum(np.abs(offset), 1e-9))))


def _drawn(axes: Axes) -> Iterator[np.ndarray]:
    """The corners in pixels of every line and bar of the axes."""
    for line in axes.lines:
        corners = line.get_transform().transform(np.column_stack([line.get_xdata(), line.get_ydata()]).astype(float))
        yield from [corners] if line.get_linestyle() != "None" else corners[:, None]
    for group in axes.collections:
        if isinstance(group, LineCollection):
            for segment in group.get_segments():
                yield group.get_transform().transform(np.reshape(segment, (-1, 2)))  # of a bar of no length there is nothing
        elif isinstance(group, PathCollection):
            yield group.get_offset_transform().transform(np.ma.filled(group.get_offsets(), np.nan))


def texts(artist: Artist) -> list[tuple[str, Text]]:
    """Every text that an artist and what is in it shows, with what it says. The figure must have been drawn."""
    if not artist.get_visible():
        return []
    if isinstance(artist, Text):
        return [(artist.get_text(), artist)] if artist.get_text().strip() else []
    if isinstance(artist, Axis):
        if not artist.axes.axison:
            return []
        ticks = [label for tick in artist._update_ticks() for label in (tick.label1, tick.label2)]
        return [found for text in (*ticks, artist.label, artist.offsetText) for found in texts(text)]
    return [found for child in artist.get_children() for found in texts(child)]


def overlapping(figure: Figure, slack: float = 0.5) -> list[tuple[str, str]]:
    """The pairs of texts of a figure whose boxes share more than `slack` pixels both ways; a text that the figure's edge cuts is
    paired with "the edge".
    """
    figure.draw_without_rendering()
    found = [(words, Text.get_window_extent(text)) for words, text in texts(figure)]  # of letters: an annotation's has its line
    pairs = []
    for i, (words, box) in enumerate(found):
        for other, beside in found[:i]:
            wide, high = (min(box.max[k], beside.max[k]) - max(box.min[k], beside.min[k]) for k in (0, 1))
            if min(wide, high) > slack:
                pairs.append((other, words))
        if (box.min < -1).any() or (box.max > np.array([figure.bbox.width, figure.bbox.height]) + 1).any():
            pairs.append((words, "the edge"))
    return pairs
