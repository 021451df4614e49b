"""A world in the plane: densities with samples over them, distances from the tilted density, methods and controls."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import exact as figures
from analysis.figures import plane as plane_figures
from analysis.metrics import metric
from analysis.reports import common
from analysis.reports.html import Section
from analysis.reports.parts import capital, picture, section, seeds
from analysis.results import Results
from analysis.statistics.compare import REFERENCE

N_POINTS = 600
FIGURE_2 = """\
Ho & Salimans show what guidance is said to sample: p(x|c) p(c|x)^w, normalised. Contours hold half and nine tenths of the
mass of each class; the points are samples of {method} guidance."""
DRAWN = """\
Shaded: what the samplers draw. Contours: the tilted density. Neither more steps nor a better sampler brings the two together:
the score of the tilted density, diffused, is not the tilted score. Several Langevin corrections a level come near, since they
sample the tilted density of the level that they are at (Bradley & Nakkiran, arXiv 2408.09000)."""
FLOOR = "Exact draws: the same estimate for as many draws of the tilted density itself, the floor of its noise and bias."
CONTROLS = """\
temperature scales the conditional score by 1 + w; shrunk-noise divides the sampler's noise by 1 + w. Both pull the samples of
a class together around their own mean, and neither draws from the tilted density."""


def plane_sections(results: Results) -> list[Section]:
    """Figure 2 of the paper, what is really drawn, distances against w and steps, and the methods beside each other."""
    summary, at = results.summary, {"sampler": results.sampler, "steps": results.steps}
    method = REFERENCE if REFERENCE in results.methods else next(iter(results.methods), REFERENCE)
    w = middle(results.ws)

    def shown(make: Callable, name: str, caption: str, *args: object, **options: object):
        words = f"{caption}; n = {results.n[results.world.name]}, {seeds(results)}."
        return picture(name, caption, words, make, *args, **options)

    def against_w(name: str):
        caption = f"{capital(metric(name).title)} against w"
        return shown(figures.distance_against_w, f"{name}_against_w", caption, summary, name, method=method)

    def against_steps(w: float):
        caption = f"{metric('kl_tilted').title} against the number of levels at w = {w:g}"
        options = {"w": w, "method": method}
        return shown(figures.distance_against_steps, f"kl_tilted_against_steps_w{w:g}", caption, summary, "kl_tilted", **options)

    claimed = "Guided conditionals for growing w"
    controls = CONTROLS if {"temperature", "shrunk-noise"} & set(results.methods) else ""
    measured = [name for name in ("kl_tilted", "std_within_class") if name in results.columns]
    beside = f"{capital(' and '.join(metric(name).title for name in measured)) or 'Nothing'} of every method"
    return [
        section("Figure 2 of the paper", FIGURE_2.format(method=method), shown(_figure2, "figure2", claimed, results, method)),
        section(
            "What is really drawn",
            DRAWN,
            shown(_drawn, "drawn_and_claimed", f"Drawn and claimed at w = {w:g}", results, method, w),
            common.main_table(results),
        ),
        section(
            "Distance from the claim",
            FLOOR,
            against_w("kl_tilted"),
            against_w("wasserstein_tilted"),
            *(against_steps(strength) for strength in dict.fromkeys((w, 0.0))),
        ),
        section("Methods and controls", controls, shown(figures.methods_against_w, "methods", beside, summary, measured, **at)),
    ]


def middle(ws: list[float]) -> float:
    """The w that is shown alone: the middle one of those above 0, or else of those that are not 0, or 0."""
    chosen = [w for w in ws if w > 0] or [w for w in ws if w] or [0.0]
    return chosen[len(chosen) // 2]


def _figure2(results: Results, method: str) -> Figure:
    if results.world.densities is None or results.world.marginal is None:
        raise ValueError("the densities of the world are not known")
    points = {}
    cells = [cell for cell in results.cells if cell.method == method]
    for cell in cells:
        if (cell.sampler, cell.steps, cell.seed) == (results.sampler, results.steps, cells[0].seed):
            x, label = cell.draw()
            points.setdefault(cell.w, (x[:N_POINTS], label[:N_POINTS]))
    if not points:
        raise ValueError(f"{method} was not sampled with {results.sampler}, T = {results.steps}")
    densities = {w: results.world.densities(w) for w in points}
    return plane_figures.figure2(results.world.marginal(), densities, points)


def _drawn(results: Results, method: str, w: float) -> Figure:
    """The samples at w of every sampler at its largest T over the contours of the tilted density, with their KL as a note."""
    if results.world.densities is None:
        raise ValueError("the densities of the world are not known")
    cells = [cell for cell in results.cells if cell.method == method and cell.w == w]
    if not cells:
        raise ValueError(f"{method} was not sampled at w = {w:g}")
    drawn, notes, summary = {}, {}, results.summary
    for sampler in dict.fromkeys(cell.sampler for cell in cells):
        largest = max(cell.steps for cell in cells if cell.sampler == sampler)
        draws = [cell.draw() for cell in cells if (cell.sampler, cell.steps) == (sampler, largest)]
        name = f"{sampler}, T = {largest}"
        drawn[name] = tuple(np.concatenate(part) for part in zip(*draws))
        at = summary[(summary["metric"] == "kl_tilted") & (summary["method"] == method) & (summary["w"] == w)]
        at = at[(at["sampler"] == sampler) & (at["steps"] == largest)]
        notes[name] = f"KL = {at['value'].iloc[0]:.3f}" if len(at) else "collapsed"
    return plane_figures.drawn_and_claimed(results.world.densities(w), drawn, notes)
