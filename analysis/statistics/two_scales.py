"""The grid of methods with two scales, of the class and of a second label: its numbers, run by run and as means over runs."""

from collections.abc import Sequence

import pandas as pd

from analysis.metrics import columns_of
from analysis.statistics.paired import RUN, spread
from analysis.table import in_brackets

SCALES = ["class_scale", "second_scale"]
SECOND = "second_label"
_SHARES = ["fine", "coarse"]


def measures(columns: Sequence[str]) -> list[str]:
    """What is shown of every cell: Fréchet distance on the main features, accuracies, second label, diversity; what there is."""

    def first(*kinds: str) -> list[str]:
        return [found for kind in kinds for found in columns_of(kind, columns)][:1]

    accuracies = [column for column in columns if column.startswith("accuracy_")]
    diversity = first("std_within_class", "diversity", "diversity_pixels")
    return [*distance(columns), *accuracies, *columns_of(SECOND, columns), *diversity]


def distance(columns: Sequence[str]) -> list[str]:
    """The column of the Fréchet distance on the main features; empty where none was measured."""
    return [found for kind in ("frechet_exact", "fid", "fid_pixels") for found in columns_of(kind, columns)][:1]


def grids(table: pd.DataFrame, shares: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """The rows of methods with two scales and the columns of SCALES, by the words in brackets that say whose network it is.

    table: of one world, sampler, steps and n. shares: columns method, fine, coarse, the shares of w that the scales have above 1.
    Curves that meet, as all do at w = 0, are one model there: of their cell each run is there once. A network with one curve
    has none: that is a line, which is drawn against w.
    """
    if shares is None or shares.empty:
        return {}
    rows = table.merge(shares[["method", *_SHARES]], on="method")
    for scale, share in zip(SCALES, _SHARES):
        rows[scale] = (1 + rows[share] * rows["w"]).round(6)  # one number, however it was shared: 1 + 0.1 * 3 and 1 + 0.3 * 1
    found = {str(words): own for words, own in rows.groupby(rows["method"].map(in_brackets), sort=False)}
    return {
        words: own.drop_duplicates([*SCALES, *RUN, "metric"])
        for words, own in found.items()
        if len(own[_SHARES].drop_duplicates()) > 1
    }


def means(grid: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Of one metric the mean over runs, `value`, and its `sd`, of what is independent: one row per cell, SCALES its index.

    ValueError where no cell has it.
    """
    rows = grid[(grid["metric"] == metric) & grid["value"].notna()]
    if rows.empty:
        raise ValueError(f"no cell of two scales has {metric}")
    cells = {scales: spread(own) for scales, own in rows.groupby(SCALES)}
    index = pd.MultiIndex.from_tuples(cells, names=SCALES)
    return pd.DataFrame([[cell.mean, cell.sd] for cell in cells.values()], index, columns=["value", "sd"])
