"""Figures of the worlds whose truth is known: densities with samples over them, distances from the claim, networks' errors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.grid import GridDensity
from analysis.style import GREY, colour, head, name_ends, panels, scale_log, scale_w
from analysis.table import cells_of, what_is_held

CLASSES = seaborn.color_palette("colorblind").as_hex()
FLOOR = "tilted draws"  # the method's name in the table: exact draws of the density that guidance is said to sample
WORDS = {
    "kl_tilted": "KL(sampled || tilted), nats",
    "mmd_tilted": "squared MMD to tilted draws",
    "wasserstein_tilted": "sliced Wasserstein distance to tilted draws",
    "mean_error_tilted": "error of the class means",
    "frechet_exact": "Fréchet distance to the exact moments",
    "frechet_class_exact": "Fréchet distance within a class",
    "accuracy_exact": "accuracy, exact classifier",
    "is_exact": "Inception score, exact classifier",
    "nll_exact": "exact −log p(x|c), nats per dimension",
    "spread": "spread within a class",
}


def figure2(
    marginal: GridDensity,
    tilted: Mapping[float, Sequence[GridDensity]],
    points: Mapping[float, tuple[np.ndarray, np.ndarray]],
    reach: float = 2.6,
) -> Figure:
    """Figure 2 of Ho & Salimans (arXiv 2207.12598): the unguided marginal, then the guided conditionals for growing w.

    tilted: for each w the density of every class; points: for each w samples (n, 2) and labels (n,), drawn over them.
    """
    figure, grid = panels(1, 1 + len(tilted), (2.35 * (1 + len(tilted)), 2.75))
    _shade(grid[0], [marginal], [GREY], reach)
    grid[0].set_title("marginal p(x)", fontsize=10)
    for axes, w in zip(grid[1:], sorted(tilted)):
        _shade(axes, tilted[w], CLASSES, reach)
        if w in points:
            x, label = points[w]
            shades = [CLASSES[c] for c in label]
            axes.scatter(*x.T, s=3, c=shades, linewidths=0, alpha=0.55)
        axes.set_title(f"w = {w:g}", fontsize=10)
    return figure


def drawn_and_claimed(
    tilted: Sequence[GridDensity], drawn: Mapping[str, tuple[np.ndarray, np.ndarray]], notes: Mapping[str, str], reach: float = 2.6
) -> Figure:
    """What samplers really draw (shaded, a smoothed histogram) and what guidance is said to draw (contours), panel by panel.

    drawn: for each name samples (n, 2) and labels (n,); notes: a line under each name, its distance say.
    """
    figure, grid = panels(1, len(drawn), (2.6 * len(drawn), 3.1))
    bins = np.linspace(-reach, reach, 53)
    for axes, (name, (x, label)) in zip(grid, drawn.items()):
        for c, density in enumerate(tilted):
            counts, _, _ = np.histogram2d(*x[label == c].T, bins=bins)
            extent = (-reach, reach, -reach, reach)
            axes.imshow(_smooth(counts).T, origin="lower", extent=extent, cmap=_ramp(CLASSES[c]), interpolation="bilinear")
            _contour(axes, density, CLASSES[c])
        _plane(axes, reach)
        axes.set_title(f"{name}\n{notes.get(name, '')}", fontsize=9.5)
    return figure


def distance_against_w(summary: pd.DataFrame, metric: str, *, method: str = "classifier-free") -> Figure:
    """A panel a sampler, a line a number of steps, with one standard deviation over seeds; dashed: as many exact draws.

    ValueError naming what the summary holds, if it has no such metric or method.
    """
    cells = cells_of(summary, metric)
    floor, cells = cells[cells["method"] == FLOOR].sort_values("w"), cells[cells["method"] == method]
    if cells.empty:
        raise ValueError(f"no cell has the method {method!r}: {what_is_held(summary)}")
    samplers = list(dict.fromkeys(cells["sampler"]))
    figure, grid = panels(1, len(samplers), (3.3 * len(samplers) + 0.6, 3.5), share_y=True)
    shades = dict(zip(sorted(set(cells["steps"])), seaborn.color_palette("flare", cells["steps"].nunique())))
    for axes, sampler in zip(grid, samplers):
        ends = []
        for steps, line in cells[cells["sampler"] == sampler].groupby("steps"):
            line = line.sort_values("w")
            _line(axes, line["w"], line, shades[steps])
            ends.append((line["value"].iloc[-1], f"T = {steps}", shades[steps]))
        if len(floor):
            axes.plot(floor["w"], floor["value"], color=GREY, linestyle=(0, (3, 2)), linewidth=1.2)
            ends.append((floor["value"].iloc[-1], "exact draws", GREY))
        scale_w(axes, cells["w"])
        head(axes, sampler, WORDS.get(metric, metric) if axes is grid[0] else "")
        scale_log(axes)
        name_ends(axes, ends)
    return figure


def distance_against_steps(summary: pd.DataFrame, metric: str, *, w: float, method: str = "classifier-free") -> Figure:
    """One line a sampler against its number of levels, both axes logarithmic, at one w; dashed: as many exact draws."""
    cells = cells_of(summary, metric)
    floor = cells[(cells["method"] == FLOOR) & (cells["w"] == w)]
    cells = cells[(cells["method"] == method) & (cells["w"] == w)]
    if cells.empty:
        raise ValueError(f"no cell has the method {method!r} at w = {w:g}: {what_is_held(summary)}")
    figure, (axes,) = panels(1, 1, (6.4, 4.0))
    ends, samplers = [], list(dict.fromkeys(cells["sampler"]))
    for sampler, shade in zip(samplers, seaborn.color_palette("colorblind", len(samplers))):
        line = cells[cells["sampler"] == sampler].sort_values("steps")
        _line(axes, line["steps"], line, shade)
        ends.append((line["value"].iloc[-1], sampler, shade))
    if len(floor):
        axes.axhline(floor["value"].iloc[0], color=GREY, linestyle=(0, (3, 2)), linewidth=1.2)
        ends.append((floor["value"].iloc[0], "exact draws", GREY))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(cells["steps"]))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps:g}"))
    axes.set_xlabel("levels T")
    head(axes, WORDS.get(metric, metric), f"{method}, w = {w:g}")
    scale_log(axes)
    name_ends(axes, ends)
    return figure


def methods_against_w(summary: pd.DataFrame, metrics: Sequence[str], *, sampler: str, steps: int) -> Figure:
    """A panel a metric, a line a method against w, with one standard deviation over runs; the floor dashed where there is one."""
    figure, grid = panels(1, len(metrics), (4.6 * len(metrics), 3.6))
    for axes, metric in zip(grid, metrics):
        cells = cells_of(summary, metric)
        floor, cells = cells[cells["method"] == FLOOR], cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)]
        if cells.empty:
            raise ValueError(f"no cell has sampler {sampler!r} and {steps} steps: {what_is_held(summary)}")
        ends, methods = [], list(dict.fromkeys(cells["method"]))
        for method in methods:
            line = cells[cells["method"] == method].sort_values("w")
            own = method.removesuffix(" (exact)")
            shade = colour(own, [m.removesuffix(" (exact)") for m in methods])
            _line(axes, line["w"], line, shade, "-" if own == method else (0, (5, 2)))
            ends.append((line["value"].iloc[-1], method.replace(" (exact)", ",\nexact"), shade))
        if len(floor):
            axes.plot(floor["w"], floor["value"], color=GREY, linestyle=(0, (3, 2)), linewidth=1.2)
            ends.append((floor["value"].iloc[-1], "exact draws", GREY))
        scale_w(axes, cells["w"])
        head(axes, WORDS.get(metric, metric), f"{sampler}, T = {steps}")
        scale_log(axes)
        name_ends(axes, ends)
    return figure


def error_against_logsnr(errors: pd.DataFrame, quantities: Mapping[str, str], title: str, *, log: bool = True) -> Figure:
    """One line a quantity against lambda, thin lines for single trainings. errors: train_seed, quantity, logsnr, value.

    quantities: which are drawn, and what they are called beside their line. ValueError naming one that is not there.
    """
    if missing := [name for name in quantities if name not in set(errors["quantity"])]:
        raise ValueError(f"errors has no {', '.join(missing)}: it has {', '.join(sorted(set(errors['quantity'])))}")
    figure, (axes,) = panels(1, 1, (6.4, 3.9))
    ends = []
    for (name, words), shade in zip(quantities.items(), seaborn.color_palette("colorblind", len(quantities))):
        wide = errors[errors["quantity"] == name].pivot(index="logsnr", columns="train_seed", values="value")
        if wide.shape[1] > 1:
            axes.plot(wide.index, wide, color=shade, linewidth=0.7, alpha=0.5)
        axes.plot(wide.index, wide.mean(axis=1), color=shade, linewidth=1.8)
        ends.append((wide.mean(axis=1).iloc[-1], words, shade))
    if log:
        axes.set_yscale("log")
    axes.set_xlabel("lambda = log SNR (noise left, data right)")
    head(axes, title, f"{errors['train_seed'].nunique()} training(s)")
    name_ends(axes, ends)
    return figure


def share_of_network(summary: pd.DataFrame, metric: str, method: str, *, sampler: str, steps: int) -> Figure:
    """How much of a distance is there with the exact denoiser already, and how much the networks add, as stacked areas over w.

    The summary holds `method` and `method (exact)`; the floor is that of exact draws, the method named real.
    """
    cells = cells_of(summary, metric)
    cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)]
    learned, exact = (cells[cells["method"] == name].sort_values("w") for name in (method, f"{method} (exact)"))
    if learned.empty or exact.empty:
        raise ValueError(f"no cells of {method} with and without networks at {sampler}, T = {steps}: {what_is_held(summary)}")
    figure, (axes,) = panels(1, 1, (6.4, 3.9))
    shade, w = colour(method, [method]), exact["w"].to_numpy()
    axes.fill_between(w, 0, exact["value"], color=shade, alpha=0.22, linewidth=0)
    axes.fill_between(w, exact["value"], learned["value"], color=shade, alpha=0.5, linewidth=0)
    _line(axes, learned["w"], learned, shade)
    _line(axes, exact["w"], exact, shade, (0, (5, 2)))
    ends = [(learned["value"].iloc[-1], "with networks", shade), (exact["value"].iloc[-1], "exact denoiser", shade)]
    real = summary[(summary["method"] == "real") & (summary["metric"] == metric)]
    if len(real):
        axes.axhline(real["value"].iloc[0], color=GREY, linestyle=(0, (3, 2)), linewidth=1.2)
        ends.append((real["value"].iloc[0], "exact draws", GREY))
    scale_w(axes, w)
    axes.set_ylim(bottom=0)
    head(axes, WORDS.get(metric, metric), f"{method}, {sampler}, T = {steps}; dark: what the networks add")
    name_ends(axes, ends)
    return figure


def _line(axes: Axes, x: pd.Series, line: pd.DataFrame, shade: object, style: object = "-") -> None:
    axes.plot(x, line["value"], color=shade, marker="o", markersize=4, linewidth=1.6, linestyle=style)
    sd = line["sd"].fillna(0)
    axes.fill_between(x, line["value"] - sd, line["value"] + sd, color=shade, alpha=0.18, linewidth=0)


def _plane(axes: Axes, reach: float) -> None:
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#cccccc")


def _shade(axes: Axes, densities: Sequence[GridDensity], shades: Sequence[str], reach: float) -> None:
    for density, shade in zip(densities, shades):
        extent = (density.x[0], density.x[-1], density.y[0], density.y[-1])
        axes.imshow(density.mass, origin="lower", extent=extent, cmap=_ramp(shade), interpolation="bilinear")
        if len(densities) > 1:
            _contour(axes, density, shade)
    _plane(axes, reach)


def _contour(axes: Axes, density: GridDensity, shade: str) -> None:
    """The lines around half and nine tenths of the mass."""
    ordered = np.sort(density.mass.ravel())[::-1]
    levels = [ordered[np.searchsorted(ordered.cumsum(), share)] for share in (0.9, 0.5)]
    axes.contour(density.x, density.y, density.mass, levels=levels, colors=[shade], linewidths=[0.8, 1.2])


def _ramp(shade: str) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("ramp", [(*to_rgb(shade), 0.0), (*to_rgb(shade), 0.75)])


def _smooth(counts: np.ndarray) -> np.ndarray:
    """A 3 x 3 binomial average: what is shaded is not the noise of single bins."""
    for axis in (0, 1):
        counts = (np.roll(counts, 1, axis) + 2 * counts + np.roll(counts, -1, axis)) / 4
    return counts
