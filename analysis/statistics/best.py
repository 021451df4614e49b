"""The best guidance strength of every method, chosen on one half of the sampling seeds and compared with w = 0 on the other."""

import math

import pandas as pd

from analysis.statistics.paired import RUN, best_w, difference, spread
from analysis.table import BASELINES, cells_of, in_brackets

GROUP = ["world", "method", "sampler", "steps", "n"]
COMPARED = [*GROUP, "w", "plain", "value", "difference", "low", "high", "p", "units", "over"]
COMPARED += ["sd_trainings", "sd_seeds", "detectable"]


def best(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """For every world, method, sampler, steps and n: the row of `summarise` with the smallest mean of `metric` over the w's.

    w = 0 is among every method's, as `with_plain` lends it. The smallest of many noisy means is lucky: to compare it, see
    `best_against_plain`. ValueError naming the metrics there are,
    if `metric` is not among them.
    """
    cells = cells_of(summary, metric)
    cells = with_plain(cells[~cells["method"].isin(BASELINES)])
    rows = cells.groupby(GROUP)["value"].idxmin()
    return cells.loc[rows].reset_index(drop=True)


def with_plain(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows`, and at w = 0, which is the conditional model for all, those of the same model for every method that has none.

    rows: of a summary, or single runs, of which a method is lent the runs that it has.
    """
    groups = list(rows.groupby(GROUP, sort=False))
    plain = {_model(group): zero for group, own in groups if len(zero := own[own["w"] == 0])}
    bare = [(group, own) for group, own in groups if not (own["w"] == 0).any() and _model(group) in plain]
    runs = [name for name in RUN if name in rows]
    lent = [plain[_model(group)].assign(method=group[1]) for group, _ in bare]
    if runs:
        lent = [zero.merge(own[runs].drop_duplicates()) for zero, (_, own) in zip(lent, bare)]
    return pd.concat([rows, *lent], ignore_index=True)


def best_against_plain(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The w with the smallest mean of `metric` on one half of the sampling seeds, against w = 0 on the other half, run by run.

    `table` is the tidy table of single runs. One row per world, method, sampler, steps and n. A method that was not sampled at
    w = 0 takes the others' (`with_plain`); a group without any, or with one sampling seed, is left out. Columns after these five:

    w             the guidance strength chosen
    plain, value  means at w = 0 and at w over the half that reports
    difference    value - plain, in the metric's own unit; low, high: its 95 % interval; p: of the test that it is zero
    units, over   how many independent units that rests on, and which: trainings, or sampling seeds of one training
    sd_trainings  standard deviation of the difference between trainings, NaN for one
    sd_seeds      between sampling seeds of one training, NaN for one
    detectable    the smallest difference that so many units find four times in five

    Where the w chosen is 0 there is nothing to compare, and the numbers are NaN. ValueError as in `best`.
    """
    rows = []
    cells_of(table, metric)
    own = with_plain(table[(table["metric"] == metric) & (~table["method"].isin(BASELINES))])
    curves = {group: cells.pivot(index=RUN, columns="w", values="value") for group, cells in own.groupby(GROUP, sort=False)}
    for group, curve in curves.items():
        if 0.0 not in curve:
            continue
        curve = curve[curve[0.0].notna()].dropna(axis=1)
        if curve.index.get_level_values("seed").nunique() < 2:
            continue
        w, values = best_w(curve)
        pairs = (values - curve.loc[values.index, 0.0]).dropna()
        if pairs.empty:
            continue
        gap, spreads = difference(pairs), spread(pairs.rename("value").reset_index())
        at = [of_w.groupby(level="train_seed").mean().mean() for of_w in (curve.loc[pairs.index, 0.0], values.loc[pairs.index])]
        numbers = (gap.mean, gap.low, gap.high, gap.p, gap.units, gap.over, spreads.between, spreads.within, gap.detectable())
        nothing = (*(math.nan,) * 4, gap.units, gap.over, *(math.nan,) * 3)
        rows.append((*group, w, *at, *(numbers if w else nothing)))
    return pd.DataFrame(rows, columns=COMPARED)


def _model(group: tuple) -> tuple:
    """What two methods have in common if their w = 0 is the same: all but the name, of which the words in brackets are kept."""
    world, method, *rest = group
    return (world, in_brackets(method), *rest)
