"""Classifier guidance against its scale, on a conditional and an unconditional base: Figures 4 and 5 of Dhariwal & Nichol.

The scale s is w on the conditional base and w + 1 on the unconditional one (arXiv 2105.05233; the authors' classifier_scale).
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.style import GREY, colour, head, label_points, name_ends, panels, scale_log, scale_w
from analysis.paper.curves import axis_name, noted

UNCONDITIONAL = " (unconditional base)"  # ends a method's name in the table
BASES = {True: "conditional base", False: "unconditional base"}
ROWS = ("this study", "the paper's Table 4")
TITLES = {"fid": "FID", "is": "Inception score", "precision": "Precision", "recall": "recall"}
MEASURES = ("fid", "sfid", "is", "precision", "recall")


def by_scale(summary: pd.DataFrame, columns: dict[str, str], sampler: str, steps: int) -> pd.DataFrame:
    """Columns conditional, scale and one for each measure, with its standard deviation <measure>_sd; at the largest n.

    columns: by measure, its column in the summary. ValueError where none of them was measured.
    """
    rows = summary[(summary["sampler"] == sampler) & (summary["steps"] == steps) & summary["metric"].isin(columns.values())]
    rows = rows[rows["n"] == rows["n"].max()]
    if rows.empty:
        raise ValueError(f"none of {', '.join(columns.values())} was measured with {sampler} of {steps} steps")
    conditional = ~rows["method"].str.endswith(UNCONDITIONAL)
    rows = rows.assign(conditional=conditional, scale=rows["w"] + (~conditional).astype(float))
    wide = rows.pivot(index=["conditional", "scale"], columns="metric", values=["value", "sd"])
    found = {measure: wide["value"][column] for measure, column in columns.items() if column in wide["value"]}
    found |= {f"{measure}_sd": wide["sd"][columns[measure]] for measure in list(found)}
    return pd.DataFrame(found).reset_index()


def against_scale(ours: pd.DataFrame, paper: pd.DataFrame, about: tuple[str, str], note: str) -> Figure:
    """Above this study, below the numbers of the paper's Table 4, which has three scales: one panel a measure of both.

    ours, paper: columns conditional, scale and measures. Each panel has its own y axis. ValueError if they share no measure.
    """
    names = shared(ours, paper)
    figure, grid = panels(2, len(names), (3.5 * len(names) + 1.4, 6.6))
    for row, (frame, words) in enumerate(zip((ours, paper), ROWS)):
        for place, name in enumerate(names):
            axes, ends = grid[row * len(names) + place], []
            for conditional, line in frame.groupby("conditional"):
                shade = _shade(conditional)
                axes.plot(line["scale"], line[name], color=shade, marker="o", ms=4.5, linewidth=1.8 if row == 0 else 1.0)
                if f"{name}_sd" in line and line[f"{name}_sd"].notna().any():
                    low, high = line[name] - line[f"{name}_sd"], line[name] + line[f"{name}_sd"]
                    axes.fill_between(line["scale"], low, high, color=shade, alpha=0.18, linewidth=0)
                ends.append((float(line[name].iloc[-1]), BASES[conditional].replace(" ", "\n"), shade))
            scale_w(axes, frame["scale"])
            axes.set_xlabel("classifier scale s")
            head(axes, axis_name(name).split(" (")[0], words)
            axes.set_ylabel(axis_name(name).split(" (")[1].rstrip(")"))
            if name in ("fid", "sfid"):
                scale_log(axes)
            if place == len(names) - 1:
                name_ends(axes, ends)
    return noted(figure, f"Above: {about[0]}. Below: {about[1]}. {note}")


def trade_offs(ours: pd.DataFrame, paper: pd.DataFrame, about: tuple[str, str], note: str) -> Figure:
    """FID against Inception score, and precision against recall, s growing along each line: left this study, right Table 4."""
    names = shared(ours, paper)
    pairs = [pair for pair in (("is", "fid"), ("recall", "precision")) if set(pair) <= set(names)]
    if not pairs:
        raise ValueError("neither FID with Inception score nor precision with recall was measured")
    figure, grid = panels(len(pairs), 2, (11.6, 0.6 + 4.0 * len(pairs)))
    for row, (x, y) in enumerate(pairs):
        for place, frame in enumerate((ours, paper)):
            axes = grid[2 * row + place]
            ends, points = [], []
            for conditional, line in frame.groupby("conditional"):
                shade = _shade(conditional)
                axes.plot(line[x], line[y], color=shade, marker="o", ms=4.5, linewidth=1.8 if place == 0 else 1.0)
                ends.append((float(line[y].iloc[-1]), BASES[conditional].replace(" ", "\n"), shade))
                points += _marks(line, x, y, shade)
            axes.set(xlabel=axis_name(x), ylabel=axis_name(y))
            axes.margins(0.1)  # room for the scales written beside the points
            head(axes, f"{TITLES[y]} against {TITLES[x]}", ROWS[place])
            label_points(axes, points)
            name_ends(axes, ends)
    return noted(figure, f"Left: {about[0]}. Right: {about[1]}. {note}")


def shared(ours: pd.DataFrame, paper: pd.DataFrame) -> list[str]:
    """The measures that both have. ValueError if there is none."""
    names = [name for name in MEASURES if name in ours and name in paper]
    if not names:
        raise ValueError(f"the study has none of {', '.join(MEASURES)}")
    return names


def _marks(line: pd.DataFrame, x: str, y: str, shade: str) -> Sequence[tuple[float, float, str, str]]:
    ends = line[line["scale"].isin([0.0, 1.0, line["scale"].max()])]
    return [(row[x], row[y], f"s = {row['scale']:g}", shade) for _, row in ends.iterrows()]


def _shade(conditional: bool) -> str:
    return colour("classifier", ["classifier"]) if conditional else GREY
