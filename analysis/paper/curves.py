"""IS-FID curves of a study beside those that Ho & Salimans printed: their Figures 4 and 5, and both in one plane."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from analysis.figures.style import DASHED, GREY, head, label_points, name_ends, panels, scale_log
from analysis.metrics import metric
from analysis.table import cells_at

SHADES = "crest"  # light to dark, as p_uncond or T grows; one shade a value in every panel
OTHERS = "flare"  # of this study, where its values are not the paper's
UNKNOWN = 0.0  # the p_uncond of a checkpoint that does not tell it: no joint training has this one


def curve(summary: pd.DataFrame, method: str, sampler: str, steps: int, fid: str, score: str) -> pd.DataFrame:
    """One curve at the largest n, w >= 0 ascending: columns w, fid, is and their standard deviations fid_sd, is_sd.

    ValueError, saying what there is, for a cell that the summary lacks.
    """
    found = {}
    for name, column in (("fid", fid), ("is", score)):
        cells = cells_at(summary, column, sampler, steps)
        cells = cells[(cells["method"] == method) & (cells["n"] == cells["n"].max()) & (cells["w"] >= 0)].set_index("w")
        if cells.empty:
            raise ValueError(f"{column} was not measured of {method} with {sampler} of {steps} steps")
        found[name], found[f"{name}_sd"] = cells["value"], cells["sd"]
    return pd.DataFrame(found).rename_axis("w").reset_index()


def curves(found: Mapping[float | int, pd.DataFrame], key: str) -> pd.DataFrame:
    """Curves by the value of `key` ("p_uncond", "steps"), as one frame with that column first."""
    return pd.concat([frame.assign(**{key: value}) for value, frame in found.items()], ignore_index=True)[
        [key, "w", "fid", "fid_sd", "is", "is_sd"]
    ]


def shades(values: Sequence, palette: str = SHADES) -> dict[float | int, str]:
    """A colour for every value, rising."""
    values = sorted(set(values))
    return dict(zip(values, seaborn.color_palette(palette, len(values)).as_hex()))


def fid_against_is(ours: pd.DataFrame, paper: pd.DataFrame, key: str, titles: tuple[str, str], note: str) -> Figure:
    """Left this study, right the paper: a line for every value of `key`, a point for every w; ring: least FID, square: w = 0.

    ours, paper: as `curves`. The axes are each panel's own. note: what may be compared, written under both.
    """
    figure, grid = panels(1, 2, (12.4, 5.2))
    own = _colours(ours, paper, key)
    for axes, frame, title, colours in zip(grid, (ours, paper), ("This study", "Ho & Salimans"), own):
        ends = []
        for value, line in frame.groupby(key):
            shade, least = colours[value], line.loc[line["fid"].idxmin()]
            axes.plot(line["is"], line["fid"], color=shade, marker="o", ms=4, linewidth=1.8)
            axes.plot(line["is"].iloc[0], line["fid"].iloc[0], "s", ms=8, mfc="white", mec=shade, mew=1.5)
            axes.plot(least["is"], least["fid"], "o", ms=11, mfc="none", mec=shade, mew=1.3)
            ends.append((float(line["fid"].iloc[-1]), named(key, value), shade))
        head(axes, title, titles[0] if frame is ours else titles[1])
        axes.set(xlabel=axis_name("is"), ylabel=axis_name("fid"))
        scale_log(axes, least=2.0)
        label_points(axes, _strengths(frame, key))
        name_ends(axes, ends)
    return noted(figure, f"Along a line w grows from 0 (square) to {ours['w'].max():g}; ring: least FID. {note}")


def one_plane(ours: pd.DataFrame, paper: pd.DataFrame, key: str, note: str) -> Figure:
    """Both in one plane, each axis from the least to the greatest value of its own line: solid this study, dashed the paper.

    Lines are taken over the strengths up to the smaller of the two largest w. ValueError for a line of one value.
    """
    top = min(ours["w"].max(), paper["w"].max())
    figure, (axes,) = panels(1, 1, (9.8, 5.2))
    for frame, colours, dash in zip((ours, paper), _colours(ours, paper, key), ("-", DASHED)):
        for value, line in frame[frame["w"] <= top].groupby(key):
            x, y = (_share(line[name]) for name in ("is", "fid"))
            label = f"{'this study' if frame is ours else 'paper'}, {named(key, value)}"
            axes.plot(x, y, color=colours[value], linestyle=dash, marker="o", ms=3.5, linewidth=1.7, label=label)
    axes.set(xlabel="Inception score, least (0) to greatest (1) of the line", ylabel="FID, least (0) to greatest (1) of the line")
    head(axes, "One plane, normalised axes", f"solid: this study, dashed: Ho & Salimans; w from 0 to {top:g}")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))  # a line may end anywhere inside
    return noted(figure, note)


def _colours(ours: pd.DataFrame, paper: pd.DataFrame, key: str) -> tuple[dict[float | int, str], dict[float | int, str]]:
    """One colour a value where both share them; else each its own."""
    mine, theirs = set(ours[key]), set(paper[key])
    if mine <= theirs or theirs <= mine:
        both = shades([*mine | theirs])
        return both, both
    return shades([*mine], OTHERS), shades([*theirs])


def _strengths(frame: pd.DataFrame, key: str) -> list[tuple[float, float, str, str]]:
    """Some w to write beside the points of one line, as the others have the same."""
    line = frame[frame[key] == frame[key].min()]
    line = line[line["w"].isin([0.0, 1.0, line["w"].max()])]
    return [(row["is"], row["fid"], f"w = {row['w']:g}", GREY) for _, row in line.iterrows()]


def axis_name(measure: str) -> str:
    """A measure on an axis, as the papers call it, with its direction."""
    name = {"fid": "FID", "sfid": "sFID"}.get(measure) or capital(metric(measure).title)
    return f"{name} ({metric(measure).direction or 'lower is better'})"


def capital(text: str) -> str:
    """The text with a large first letter, without what stands in brackets."""
    return text[:1].upper() + text[1:].split(" (")[0]


def named(key: str, value: float | int) -> str:
    """What a line is called."""
    if key == "p_uncond" and value == UNKNOWN:
        return "the checkpoint's p_uncond"
    return f"{'T' if key == 'steps' else key} = {value:g}"


def _share(values: pd.Series) -> np.ndarray:
    if not np.ptp(values) > 0:
        raise ValueError(f"{values.name} is the same at every w: a line of one value has no shape")
    return ((values - values.min()) / np.ptp(values)).to_numpy()


def noted(figure: Figure, note: str) -> Figure:
    """The figure with a grey line or two under it."""
    lines = textwrap.wrap(note, int(figure.get_figwidth() * 15))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8.5, color=GREY)
    return figure
