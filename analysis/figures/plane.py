"""Pictures of the plane: densities of classes in their colours, with samples over them, what is claimed beside what is drawn."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from analysis.figures.colours import GREY, SHADES
from analysis.figures.style import panels
from analysis.measures.grid import GridDensity

CLASSES = list(SHADES)
Points = Mapping[float, tuple[np.ndarray, np.ndarray]]
LEAST_REACH = 2.0  # a panel shows [-reach, reach]^2


def figure2(marginal: GridDensity, tilted: Mapping[float, Sequence[GridDensity]], points: Points) -> Figure:
    """Figure 2 of Ho & Salimans (arXiv 2207.12598): the unguided marginal, then the guided conditionals for growing w.

    tilted: for each w the density p(x|c) p(c|x)^w / Z of every class c, each shaded up to its own peak, with contours around
    half and nine tenths of its mass. points: samples (n, 2) and labels (n,) drawn over them, for every w or for some.
    ValueError if points has a w that tilted has not, or a label that is no class.
    """
    if strangers := sorted(set(points) - set(tilted)):
        raise ValueError(f"points has w = {', '.join(f'{w:g}' for w in strangers)}, of which tilted has no density")
    figure, grid = panels(1, 1 + len(tilted), (0.1 + 1.9 * (1 + len(tilted)), 2.2))
    reach = _reach([x for x, _ in points.values()])
    _shade(grid[0], marginal, GREY)
    frame(grid[0], reach, "marginal p(x)")
    for axes, w in zip(grid[1:], sorted(tilted)):
        for density, shade in zip(tilted[w], CLASSES):
            _shade(axes, density, shade)
            contour(axes, density, shade)
        if w in points:
            x, label = points[w]
            _check(label, len(tilted[w]))
            axes.scatter(*x.T, s=2.5, c=[CLASSES[c] for c in label], linewidths=0, alpha=0.6)
        frame(axes, reach, f"w = {w:g}")
    return figure


def scatter(x: np.ndarray, label: np.ndarray) -> Figure:
    """Samples (n, 2) in the colours of their labels (n,)."""
    figure, (axes,) = panels(1, 1, (4.0, 4.0))
    axes.scatter(*x.T, s=12, c=[CLASSES[c % len(CLASSES)] for c in label], linewidths=0, alpha=0.8)
    frame(axes, _reach([x]), "")
    return figure


def drawn_and_claimed(
    tilted: Sequence[GridDensity], drawn: Mapping[str, tuple[np.ndarray, np.ndarray]], notes: Mapping[str, str]
) -> Figure:
    """What samplers really draw (shaded, a smoothed histogram) and what guidance is said to draw (contours), panel by panel.

    tilted: the density of every class, with contours around half and nine tenths of its mass; drawn: for each name samples (n, 2)
    and labels (n,); notes: a line under each name, its KL say. ValueError for a label that is no class.
    """
    figure, grid = panels(1, len(drawn), (0.1 + 2.5 * len(drawn), 3.0))
    reach = _reach([x for x, _ in drawn.values()])
    edges = np.linspace(-reach, reach, 61)
    for axes, (name, (x, label)) in zip(grid, drawn.items()):
        _check(label, len(tilted))
        for c, density in enumerate(tilted):
            counts, _, _ = np.histogram2d(*x[label == c].T, bins=edges)
            _image(axes, _smooth(counts).T, (-reach, reach, -reach, reach), CLASSES[c])
            contour(axes, density, CLASSES[c])
        frame(axes, reach, f"{name}\n{notes.get(name, '')}".strip())
    return figure


def _reach(sets: Sequence[np.ndarray]) -> float:
    """Half the side of a square around the origin that holds all but the last 0.2 % of each set."""
    return max([LEAST_REACH, *(1.05 * float(np.quantile(np.abs(x).max(axis=1), 0.998)) for x in sets)])


def _check(label: np.ndarray, classes: int) -> None:
    if len(label) and not 0 <= label.min() <= label.max() < classes:
        raise ValueError(f"label reaches from {label.min()} to {label.max()}: there are the classes 0 to {classes - 1}")


def _shade(axes: Axes, density: GridDensity, shade: str) -> None:
    width, height = density.step / 2  # the image reaches to the edges of its outermost cells
    extent = (density.x[0] - width, density.x[-1] + width, density.y[0] - height, density.y[-1] + height)
    _image(axes, density.mass, extent, shade)


def _image(axes: Axes, values: np.ndarray, extent: tuple[float, float, float, float], shade: str) -> None:
    """Rows upwards; from clear at 0 to the shade at the largest value."""
    ramp = LinearSegmentedColormap.from_list("ramp", [(*to_rgb(shade), 0.0), (*to_rgb(shade), 0.75)])
    axes.imshow(values, origin="lower", extent=extent, cmap=ramp, vmin=0, interpolation="bilinear")


def contour(axes: Axes, density: GridDensity, shade: str) -> None:
    levels = [density.level(share) for share in (0.9, 0.5)]
    axes.contour(density.x, density.y, np.exp(density.log_density), levels=levels, colors=[shade], linewidths=[0.8, 1.2])


def frame(axes: Axes, reach: float, title: str) -> None:
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    axes.set_title(title, fontsize=10)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#cccccc")


def _smooth(counts: np.ndarray) -> np.ndarray:
    """A binomial average over 5 x 5 bins: what is shaded is not the noise of single ones."""
    for axis in (0, 1):
        for _ in range(2):
            counts = (np.roll(counts, 1, axis) + 2 * counts + np.roll(counts, -1, axis)) / 4
    return counts
