"""Figures of classifiers: quality at every lambda, behaviour as guides, and transfer accuracy of the samples.

Pure functions of the study's tables; lines are means over trainings and seeds, bands one standard deviation.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from analysis import metrics as described
from analysis.figures.colours import look
from analysis.figures.labels import label_points, name_ends
from analysis.figures.style import head, label_y, panels, scale_log, scale_shares, scale_w

MIN_PLOTTED = 1e-4  # smaller distances, of certain classifiers of clean images, are not drawn
LINEAR_BELOW, TICKS = 0.003, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # shares; one of 300 samples is 0.0033
_DASHED, _DOTTED = (0, (3, 2)), (0, (1, 1.2))


def strokes(names: Sequence[str]) -> dict[str, object]:
    """A style of line for each name: dashed where the exact model takes part, dotted for a variant, as "plain, softplus"."""
    return {name: _DASHED if "exact" in name else _DOTTED if ", " in name else "-" for name in names}


def by_lambda(levels: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """One panel per metric, one line per classifier, against lambda; ValueError for a metric that no classifier has."""
    if missing := sorted(set(metrics) - set(levels["metric"])):
        raise ValueError(f"the table has no {', '.join(missing)}: it has {', '.join(sorted(set(levels['metric'])))}")
    names = list(dict.fromkeys(levels["classifier"]))
    styles = strokes(names)
    figure, grid = panels(1, len(metrics), (1.2 + 4.6 * len(metrics), 4.2))
    for axes, metric in zip(grid, metrics):
        kind, rows, ends = described.metric(metric), levels[levels["metric"] == metric], []
        if kind.log and kind.higher_is_better is False:
            rows = rows[rows["value"] > MIN_PLOTTED]
        for name in names:
            line = rows[rows["classifier"] == name].groupby("logsnr")["value"].agg(["mean", "std"]).reset_index()
            if len(line):
                _line(axes, line["logsnr"], line["mean"], line["std"], name, styles[name])
                ends.append((line["mean"].iloc[-1], name, *look(name)))
        axes.set_xlabel("lambda (log SNR)")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_title(kind.axis, loc="left", fontsize=11)
        if kind.share:
            scale_shares(axes)
        elif kind.log:
            scale_log(axes, 30.0)
        name_ends(axes, ends)
    return figure


def attack(summary: pd.DataFrame, guides: Mapping[str, str | None], evaluators: Sequence[str]) -> Figure:
    """One panel per guided label: the share of its samples that each classifier assigns to another label, against w.

    Where the solid line lies below the dashed ones, the guide assigns the label, evaluators do not. Linear below LINEAR_BELOW.
    guides: the name of each label's guide among the classifiers, None where it has none; evaluators: those that never guide.
    """
    columns = min(3, len(guides))
    rows = -(-len(guides) // columns)
    figure, grid = panels(rows, columns, (1.4 + 3.7 * columns, 0.4 + 2.8 * rows), share_y=True)
    named = []
    for axes, (label, guide) in zip(grid, guides.items()):
        ends = []
        for name in [*evaluators, *([guide] if guide else [])]:
            column = described.column("accuracy_by", name)
            line = summary[(summary["method"] == label) & (summary["metric"] == column)].sort_values("w")
            if line.empty:
                raise ValueError(f"no sample of {label} was classified by {name}")
            missed = 1 - line["value"]
            _line(axes, line["w"], missed, line["sd"], name, "-" if name == guide else _DASHED)
            ends.append((missed.iloc[-1], f"{name} (its guide)" if name == guide else name, *look(name)))
        scale_w(axes, line["w"])
        axes.set_title(label, loc="left", fontsize=11)
        named.append((axes, ends))
    for axes in grid[len(guides) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        label_y(axes, "given another label")
    grid[0].set_yscale("symlog", linthresh=LINEAR_BELOW)
    grid[0].set_ylim(-LINEAR_BELOW / 4, 1)
    grid[0].set_yticks([0, *TICKS], ["0", *(f"{tick:g}" for tick in TICKS)])
    grid[0].yaxis.set_minor_locator(NullLocator())
    for axes, ends in named:
        name_ends(axes, ends)
    return figure


def transfer(summary: pd.DataFrame, labels: Sequence[str], names: Sequence[str]) -> Figure:
    """A heat map at each label's largest w: rows: the guide of the samples, columns: the classifier that labels them."""
    shown = pd.DataFrame(index=list(labels), columns=list(names), dtype=float)
    for label in labels:
        rows = summary[(summary["method"] == label) & (summary["w"] == summary.loc[summary["method"] == label, "w"].max())]
        for name in names:
            shown.loc[label, name] = rows.loc[rows["metric"] == described.column("accuracy_by", name), "value"].mean()
    largest = {label: summary.loc[summary["method"] == label, "w"].max() for label in labels}
    figure, (axes,) = panels(1, 1, (2.6 + 0.85 * len(names), 1.4 + 0.42 * len(labels)))
    axes.grid(False)
    image = axes.imshow(shown.to_numpy(), cmap="crest_r", vmin=min(0.5, np.nanmin(shown.to_numpy())), vmax=1, aspect="auto")
    for row, column in np.ndindex(shown.shape):
        value = shown.iloc[row, column]
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color="white" if value < 0.75 else "black")
    axes.set_xticks(range(len(names)), names, rotation=25, ha="right", fontsize=9)
    axes.set_yticks(range(len(labels)), [f"{label}, w = {largest[label]:g}" for label in labels], fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    head(axes, "Transfer accuracy", "share given the label; rows: guided by, columns: classified by")
    figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
    return figure


def quality(summary: pd.DataFrame, x: str, y: str, labels: Sequence[str]) -> Figure:
    """One curve per label, one metric against another, w growing along it; the last w is written next to it."""
    styles = strokes(labels)
    figure, (axes,) = panels(1, 1, (8.2, 4.6))
    points, ends = [], []
    for label in labels:
        both = [
            summary[(summary["method"] == label) & (summary["metric"] == metric)].set_index("w")["value"].sort_index()
            for metric in (x, y)
        ]
        line = pd.concat(both, axis=1, keys=["x", "y"]).dropna()
        if line.empty:
            raise ValueError(f"{label} has no {x} and {y}")
        (shade, marker), style = look(label), styles[label]
        axes.plot(line["x"], line["y"], linestyle=style, color=shade, marker=marker, markersize=4.5, linewidth=1.5)
        points.append((line["x"].iloc[-1], line["y"].iloc[-1], f"{line.index[-1]:g}", shade))
        ends.append((line["y"].iloc[-1], label, shade, marker))
    axes.set_xlabel(described.metric(x).axis)
    label_y(axes, described.metric(y).axis)
    for along in "xy":
        scale_log(axes, 3.0, along)
    name_ends(axes, ends)
    label_points(axes, points)
    return figure


def asymmetry(fields: pd.DataFrame) -> Figure:
    """The relative size of the antisymmetric part of each field's Jacobian against lambda; ValueError if there is none."""
    if fields.empty:
        raise ValueError("no Jacobian was measured")
    figure, (axes,) = panels(1, 1, (7.4, 4.2))
    names = list(dict.fromkeys(zip(fields["of"], fields["field"])))
    ends = []
    for of, field in names:
        rows = fields[(fields["of"] == of) & (fields["field"] == field)]
        line = rows.groupby("logsnr")["value"].mean()
        (shade, marker), style = look(field), _DASHED if of == "exact" else "-"
        axes.plot(line.index, line, color=shade, marker=marker, markersize=4.5, linestyle=style)
        ends.append((line.iloc[-1], f"{field}, {of}", shade, marker))
    axes.set_yscale("log")
    axes.set_ylim(top=1)
    axes.set_xlabel("lambda (log SNR)")
    head(axes, "Is the field the gradient of anything?", "size of the antisymmetric part of its Jacobian; 0: a gradient")
    name_ends(axes, ends)
    return figure


def _line(axes: Axes, x: pd.Series, y: pd.Series, sd: pd.Series, name: str, style: object) -> None:
    shade, marker = look(name)
    axes.plot(x, y, color=shade, linestyle=style, marker=marker, markersize=4.5, linewidth=1.5)
    if sd.notna().any():
        axes.fill_between(x, y - sd, y + sd, color=shade, alpha=0.15, linewidth=0)
