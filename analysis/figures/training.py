"""What guidance does to a model that was trained for longer and longer."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from analysis import metrics as described
from analysis.figures.labels import name_ends
from analysis.figures.style import head, label_y, panels, scale_log, scale_w
from analysis.table import cells_at

AFTER = re.compile(r" \(after (\d+) steps\)$")  # ends the name of a method whose model is a snapshot of its training
SHADES = "crest"  # light to dark, as training goes on
MARKERS = "<v^D>so"  # in the same order; the last one is the whole training's


def whole(method: str) -> bool:
    """Whether the model of a method is that of the whole training."""
    return AFTER.search(method) is None


def said(method: str) -> str:
    """The stage of training that the name of a method tells."""
    return f"{int(found[1]):,} steps" if (found := AFTER.search(method)) else "whole training"


def by_training(methods: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Of every method that a snapshot was sampled by, its names from the shortest training to the whole one."""
    stages: dict[str, list[tuple[int, str]]] = {}
    for method in methods:
        if found := AFTER.search(method):
            stages.setdefault(method[: found.start()], []).append((int(found[1]), method))
    return {name: [*(label for _, label in sorted(found)), *[name] * (name in methods)] for name, found in stages.items()}


def against_training(
    summary: pd.DataFrame, metric: str, names: Sequence[str], *, sampler: str, steps: int, log: bool = True
) -> Figure:
    """`metric` against w, one line a stage of training, light to dark; bands are one standard deviation; a ring marks each
    line's best w.

    names: of the stages, as `by_training` gives them. ValueError where the summary has none of them.
    """
    cells = cells_at(summary, metric, sampler, steps)
    cells = cells[(cells["n"] == cells["n"].max()) & cells["method"].isin(names)]
    if cells.empty:
        raise ValueError(f"{metric} was measured of none of {', '.join(names)}")
    figure, (axes,) = panels(1, 1, (7.2, 4.2))
    shades, about = seaborn.color_palette(SHADES, len(names)).as_hex(), described.metric(metric)
    ends = []
    for name, shade, marker in zip(names, shades, (MARKERS * len(names))[-len(names) :]):
        curve = cells[cells["method"] == name]
        if curve.empty:
            continue
        axes.plot(curve["w"], curve["value"], color=shade, marker=marker, ms=5, linewidth=2)
        if curve["sd"].notna().any():
            axes.fill_between(curve["w"], curve["low"], curve["high"], color=shade, alpha=0.18, linewidth=0)
        least = curve.loc[curve["value"].idxmax() if about.higher_is_better else curve["value"].idxmin()]
        axes.plot(least["w"], least["value"], "o", ms=11, mfc="none", mec=shade, mew=1.4)
        ends.append((float(curve["value"].iloc[-1]), said(name), shade, marker))
    scale_w(axes, cells["w"])
    label_y(axes, about.label)
    first = AFTER.sub("", names[0])
    title = f"{about.axis[:1].upper()}{about.axis[1:]}, by training"
    head(axes, title, f"{first}, {sampler}, T = {steps}; n = {int(cells['n'].max()):,}; rings: best w")
    if log:
        scale_log(axes)
    name_ends(axes, ends)
    return figure
