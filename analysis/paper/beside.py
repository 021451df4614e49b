"""A study's curves beside those that Ho & Salimans printed: the shapes may be compared, the numbers may not."""

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import reference
from analysis.figures.style import colour, head, label_y, name_ends, panels, scale_log, scale_w
from analysis.figures.training import SHADES, by_training, said
from analysis.metrics import metric
from analysis.table import cells_at


def beside_paper(summary: pd.DataFrame, *, sampler: str, steps: int, fid: str, score: str) -> Figure:
    """Left this study, right Table 1 of arXiv 2207.12598 (ImageNet 64x64, 50,000 samples); above FID, below IS, against w >= 0.

    Each panel has its own y axis, because data, features and n all differ; bars are one standard deviation. Of a study that
    sampled snapshots of the training too, these are drawn, light to dark, and the same method at the end.
    `fid` and `score` name the summary's metrics. ValueError if the summary lacks them, or this sampler and number of steps.
    """
    figure, (ours_fid, paper_fid, ours_is, paper_is) = panels(2, 2, (11.2, 7.0))
    names = {axes: _ours(axes, summary, column, sampler, steps) for axes, column in ((ours_fid, fid), (ours_is, score))}
    table = reference.table("cfg_table1_imagenet64")
    for axes, column in ((paper_fid, "fid"), (paper_is, "is")):
        names[axes] = []
        for (p_uncond, curve), dash in zip(table.groupby("p_uncond"), ("-", "--", ":")):
            axes.plot(curve["w"], curve[column], color="black", linestyle=dash, marker="o", ms=3.5, linewidth=1.6)
            names[axes].append((curve[column].iloc[-1], f"p_uncond = {p_uncond:g}", "black"))
        scale_w(axes, [0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0])
        head(axes, f"{metric(column).title}, Inception-v3", "Ho & Salimans, Table 1: ImageNet 64x64, n = 50,000")
        label_y(axes, metric(column).label)
    for axes in (ours_fid, paper_fid):
        scale_log(axes, least=1.0)  # both, or their shapes could not be compared
    for axes, ends in names.items():
        name_ends(axes, ends)
    return figure


def _ours(axes: Axes, summary: pd.DataFrame, column: str, sampler: str, steps: int) -> list[tuple[float, str, str]]:
    cells = cells_at(summary, column, sampler, steps)
    cells = cells[(cells["n"] == cells["n"].max()) & (cells["w"] >= 0)]
    if cells.empty:
        raise ValueError(f"{column} has no w >= 0 with sampler {sampler!r} and {steps} steps: the paper has no other")
    methods, ends, described = list(dict.fromkeys(cells["method"])), [], metric(column)
    shades = {method: colour(method, methods) for method in methods}
    if stages := list(by_training(methods).values()):
        shades = dict(zip(stages[0], seaborn.color_palette(SHADES, len(stages[0])).as_hex()))
    for method, shade in shades.items():
        curve = cells[cells["method"] == method]
        axes.errorbar(
            curve["w"], curve["value"], yerr=curve["sd"].fillna(0), color=shade, marker="o", ms=4, linewidth=1.8, elinewidth=1
        )
        ends.append((float(curve["value"].iloc[-1]), said(method) if stages else method, shade))
    scale_w(axes, cells["w"])
    about = f"this study: {cells['world'].iloc[0]}, {sampler}, T = {steps}, n = {int(cells['n'].iloc[0]):,}"
    head(axes, described.title, about)
    label_y(axes, described.label)
    return ends
