"""The part of a report that shows a world in the plane: densities with samples over them, distances from the claim, controls."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import exact_figures as figures
from analysis import plane_figures
from analysis.report import Figure, Picture, Section
from experiments.exact import marginal, tilted
from experiments.report_parts import seeds
from experiments.sample import load_samples
from experiments.worlds import WORLDS

if TYPE_CHECKING:
    from experiments.cells import Cell
    from experiments.study_config import StudyConfig

SHOWN_POINTS = 600
GUIDANCE = "classifier-free"
FIGURE_2 = """\
Ho & Salimans show what guidance is said to sample: p(x|c) p(c|x)^w, normalised. Contours hold half and nine tenths of the
mass of each class; the points are samples of classifier-free guidance."""
DRAWN = """\
Shaded: what the samplers draw. Contours: the tilted density. Neither more steps nor a better sampler brings the two together:
the score of the tilted density, diffused, is not the tilted score. Several Langevin corrections a level come near, since they
sample the tilted density of the level that they are at (Bradley & Nakkiran, arXiv 2408.09000)."""
FLOOR = "Exact draws: the same estimate for as many draws of the tilted density itself, the floor of its noise and bias."
CONTROLS = """\
temperature scales the conditional score by 1 + w; shrunk-noise divides the sampler's noise by 1 + w. Both pull the samples of
a class together around their own mean, and neither draws from the tilted density."""


def plane_sections(config: "StudyConfig", summary: pd.DataFrame, cells: "Sequence[Cell]", table: tuple) -> list[Section]:
    """The sections; `table` is the caption and the frame that stand under the second."""
    main, kl = config.sweeps[0].sampler, "KL(sampled || tilted)"
    at = {"sampler": main.label, "steps": main.steps}
    guided = sorted({w for sweep in config.sweeps for w in sweep.ws if w > 0})
    middle = guided[len(guided) // 2]
    densities = [tilted(config.world, c, middle) for c in range(WORLDS[config.world]().classes)]
    drawn = plane_figures.drawn_and_claimed(densities, *_drawn(summary, cells, middle))

    def picture(figure: Figure, name: str, caption: str) -> Picture:
        return Picture(figure, name, caption, f"{caption}; n = {config.n}, {seeds(config)}.")

    def against_w(metric: str, words: str) -> Picture:
        return picture(figures.distance_against_w(summary, metric), f"{metric}_against_w", f"{words} against w")

    def against_steps(w: float) -> Picture:
        figure = figures.distance_against_steps(summary, "kl_tilted", w=w)
        return picture(figure, f"kl_tilted_against_steps_w{w:g}", f"{kl} against the number of levels at w = {w:g}")

    methods = figures.methods_against_w(summary, ["kl_tilted", "spread"], **at)
    claimed = picture(_figure2(config, cells), "figure2", "Guided conditionals for growing w")
    beside = picture(drawn, "drawn_and_claimed", f"Drawn and claimed at w = {middle:g}")
    return [
        Section("Figure 2 of the paper", FIGURE_2, [claimed]),
        Section("What is really drawn", DRAWN, [beside], [table]),
        Section(
            "Distance from the claim",
            FLOOR,
            [
                against_w("kl_tilted", kl),
                against_w("wasserstein_tilted", "Sliced Wasserstein distance"),
                against_steps(middle),
                against_steps(0.0),
            ],
        ),
        Section("Methods and controls", CONTROLS, [picture(methods, "methods", f"{kl} and spread of every method")]),
    ]


def _figure2(config: "StudyConfig", cells: "Sequence[Cell]") -> Figure:
    points = {}
    for own, samples in ((cell.config, cell.samples) for cell in cells):
        if own.method.name == GUIDANCE and own.sampler == config.sweeps[0].sampler and own.seed == config.sample_seeds[0]:
            x, label = load_samples(samples)
            points[own.method.w] = x[:SHOWN_POINTS], label[:SHOWN_POINTS]
    classes = range(WORLDS[config.world]().classes)
    densities = {w: [tilted(config.world, c, w) for c in classes] for w in points}
    return plane_figures.figure2(marginal(config.world), densities, points)


def _drawn(
    summary: pd.DataFrame, cells: "Sequence[Cell]", w: float
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, str]]:
    """The samples of guidance at w of every sampler at its largest T, and their KL as a note."""
    drawn, notes = {}, {}
    cells = [cell for cell in cells if cell.config.method.name == GUIDANCE and cell.config.method.w == w]
    for sampler in dict.fromkeys(cell.config.sampler.label for cell in cells):
        most = max(cell.config.sampler.steps for cell in cells if cell.config.sampler.label == sampler)
        own = [cell for cell in cells if (cell.config.sampler.label, cell.config.sampler.steps) == (sampler, most)]
        parts = [load_samples(cell.samples) for cell in own]
        name = f"{sampler}, T = {most}"
        drawn[name] = tuple(np.concatenate(part) for part in zip(*parts))
        at = summary[(summary["metric"] == "kl_tilted") & (summary["method"] == GUIDANCE) & (summary["w"] == w)]
        at = at[(at["sampler"] == sampler) & (at["steps"] == most)]
        notes[name] = f"KL = {at['value'].iloc[0]:.3f}" if len(at) else "collapsed"
    return drawn, notes
