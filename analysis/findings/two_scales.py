"""What the second of two scales does alone and beside the class's, and which pair of scales has the smallest distance."""

import pandas as pd

from analysis.findings.words import at_the_main_sweep, drawn, interval, named, number, several
from analysis.results import Results
from analysis.statistics.paired import RUN, Difference, difference
from analysis.statistics.two_scales import SCALES, SECOND, distance, grids, means, measures


def sentences(results: Results) -> list[str]:
    """Three of each network that has a grid of two scales, in one world; none where there is no such method."""
    found = grids(at_the_main_sweep(results), results.tables.get("scales"))
    told = (
        (*_second(results, words, grid), *_both(results, words, grid), *_lowest(words, grid)) for words, grid in found.items()
    )
    return [text for texts in told for text in texts]


def _columns(grid: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(grid.loc[grid["value"].notna(), "metric"]))


def _second(results: Results, words: str, grid: pd.DataFrame) -> list[str]:
    """From the smallest to the largest second scale at class scale 1, run by run: second label, accuracies, distance."""
    alone, columns = grid[grid["class_scale"] == 1], _columns(grid)
    ends, parts = sorted(alone["second_scale"].unique()), []
    shown = [name for name in measures(columns) if name.startswith("accuracy_")]
    for column in (*[name for name in columns if name == SECOND], *shown, *distance(columns)):
        curve = alone[alone["metric"] == column].pivot(index=RUN, columns="second_scale", values="value")
        pairs = curve.reindex(columns=[ends[0], ends[-1]]).dropna()
        if len(ends) > 1 and len(pairs):
            parts.append(f"the {named(column)} {_moves(pairs)}")
    if not parts:
        return []
    scales = f"from second scale {ends[0]:g} to {ends[-1]:g}"
    return [f"With two scales{words}, at class scale 1, {scales} {'; '.join(parts)} ({drawn(results)}; paired by run)."]


def _both(results: Results, words: str, grid: pd.DataFrame) -> list[str]:
    """The same step of the second scale at the largest class scale, and how it differs, run by run: second label and distance."""
    columns, parts = _columns(grid), []
    first, second = (float(grid[scale].max()) for scale in ("class_scale", "second_scale"))
    corners = [(1.0, 1.0), (1.0, second), (first, 1.0), (first, second)]
    for column in (*[name for name in columns if name == SECOND], *distance(columns)):
        cells = grid[grid["metric"] == column].pivot(index=RUN, columns=SCALES, values="value").reindex(columns=corners).dropna()
        if first > 1 and second > 1 and len(cells):
            neither, alone, of_class, both = (cells[scales] for scales in corners)
            steps = [number(difference(step).mean) for step in (both - of_class, alone - neither)]
            apart = _apart(difference((both - of_class) - (alone - neither)))
            parts.append(f"the {named(column)} by {steps[0]} instead of {steps[1]} ({apart})")
    if not parts:
        return []
    at = f"At class scale {first:g} the step from second scale 1 to {second:g} moves{words}"
    return [f"{at} {'; '.join(parts)} ({drawn(results)}; paired by run)."]


def _moves(pairs: pd.DataFrame) -> str:
    first, last = (pairs[scale] for scale in pairs.columns)
    gap = difference(last - first)
    moves = "falls" if gap.mean < 0 else "rises" if gap.mean > 0 else "does not move"
    word = moves if gap.units < 2 or gap.apart else "does not measurably move"
    before, after = (number(float(one.groupby(level="train_seed").mean().mean())) for one in (first, last))
    if gap.units < 2:
        return f"{word} from {before} to {after} (one run: no interval)"
    ends = f"difference {number(gap.mean)}, {interval(gap.low, gap.high)} over {several(gap.units, gap.over)}"
    return f"{word} from {before} to {after} ({ends})"


def _apart(gap: Difference) -> str:
    if gap.units < 2:
        return "one run: no interval"
    word = "" if gap.apart else "not measurably another: "
    return f"{word}difference {number(gap.mean)}, {interval(gap.low, gap.high)} over {several(gap.units, gap.over)}"


def _lowest(words: str, grid: pd.DataFrame) -> list[str]:
    """The cell with the smallest mean distance, beside the model without guidance."""
    for column in distance(_columns(grid)):
        values = means(grid, column)["value"]
        first, second = values.idxmin()
        plain = values.get((1.0, 1.0))
        beside = f", beside {number(plain)} without guidance, at 1 and 1" if plain is not None else ""
        beside = ", without guidance" if (first, second) == (1, 1) else beside
        return [
            f"Of {len(values)} pairs of scales{words} the {named(column)} is lowest at class scale {first:g} and second scale "
            f"{second:g}: {number(values.min())}{beside} (means over the runs by which the pair was chosen too: no interval)."
        ]
    return []
