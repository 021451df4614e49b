"""A study's curves beside those that Ho & Salimans printed: the shapes may be compared, the numbers may not."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import reference
from analysis.figures import title
from analysis.style import GREY, colour, name_ends, panels, scale_log, scale_w
from analysis.table import cells_of, what_is_held

PAPER = {"fid": "FID, Inception-v3 (lower is better)", "is": "Inception score, Inception-v3"}


def beside_paper(summary: pd.DataFrame, *, sampler: str, steps: int, fid: str = "fid_digits", score: str = "is_digits") -> Figure:
    """Left this study, right Table 1 of arXiv 2207.12598 (ImageNet 64x64, 50,000 samples); above FID, below IS, against w.

    Each panel has its own y axis, because data, features and n all differ. ValueError if the summary lacks the cell.
    """
    figure, (ours_fid, paper_fid, ours_is, paper_is) = panels(2, 2, (11.2, 7.0))
    names = {axes: _ours(axes, summary, metric, sampler, steps) for axes, metric in ((ours_fid, fid), (ours_is, score))}
    table = reference.table("cfg_table1_imagenet64")
    for axes, column in ((paper_fid, "fid"), (paper_is, "is")):
        names[axes] = []
        for (p_uncond, own), dash in zip(table.groupby("p_uncond"), ("-", "--", ":")):
            axes.plot(own["w"], own[column], color="black", linestyle=dash, marker="o", ms=3.5, linewidth=1.6)
            names[axes].append((own[column].iloc[-1], f"p_uncond = {p_uncond:g}", "black"))
        scale_w(axes, [0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0])
        _head(axes, PAPER[column], "Ho & Salimans, Table 1: ImageNet 64x64, n = 50,000")
    for axes in (ours_fid, paper_fid):
        scale_log(axes)
    for axes, ends in names.items():
        name_ends(axes, ends)
    return figure


def _ours(axes: Axes, summary: pd.DataFrame, metric: str, sampler: str, steps: int) -> list[tuple[float, str, str]]:
    cells = cells_of(summary, metric)
    cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps) & (cells["w"] >= 0)]
    if cells.empty:
        raise ValueError(f"no cell has sampler {sampler!r} and {steps} steps: {what_is_held(summary)}")
    cells = cells[cells["n"] == cells["n"].max()].sort_values("w")
    methods, ends = list(dict.fromkeys(cells["method"])), []
    for method in methods:
        own, shade = cells[cells["method"] == method], colour(method, methods)
        axes.errorbar(
            own["w"], own["value"], yerr=own["sd"].fillna(0), color=shade, marker="o", ms=4, linewidth=1.8, elinewidth=1
        )
        ends.append((float(own["value"].iloc[-1]), method, shade))
    scale_w(axes, cells["w"])
    _head(
        axes,
        title(metric),
        f"this study: {cells['world'].iloc[0]}, {sampler}, T = {steps}, n = {int(cells['n'].iloc[0]):,}",
    )
    return ends


def _head(axes: Axes, what: str, whence: str) -> None:
    axes.set_title(what, loc="left", fontsize=12, pad=20)
    axes.text(0, 1.02, whence, transform=axes.transAxes, fontsize=9, color=GREY)
