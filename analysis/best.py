"""Where a curve has its minimum, and how that minimum compares with w = 0 run by run."""

import pandas as pd

from analysis.table import cells_of, summarise

COMPARED = ["world", "method", "sampler", "steps", "n", "w", "difference", "sd", "trainings", "lower", "runs", "runs_lower"]


def best(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """For every world, method, sampler, steps and n: the row of `summarise` with the smallest mean of `metric` over the w's.

    ValueError naming the metrics there are, if `metric` is not among them.
    """
    cells = cells_of(summary, metric)
    rows = cells.groupby(["world", "method", "sampler", "steps", "n"])["value"].idxmin()
    return cells.loc[rows].reset_index(drop=True)


def best_against_plain(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The w with the smallest mean of `metric` against w = 0, run by run.

    `table` is the tidy table of single runs. Runs are paired by train_seed and seed, which share the networks and the noise, and
    the differences of one training are averaged first: its runs share their networks, so trainings are what is independent.
    One row per world, method, sampler, steps and n; a group without w = 0 is left out. Columns after these five:

    w           the guidance strength with the smallest mean; the smallest of many noisy means is lucky, so read sd beside it
    difference  mean over trainings of value(w) - value(0), in the metric's own unit
    sd          of that difference over trainings, ddof = 1; NaN for one training
    trainings   trainings that have both w's
    lower       trainings in which w is lower on average
    runs        pairs of runs that have both w's
    runs_lower  pairs in which w is lower

    The frame is empty, with these columns, if no group has two pairs. ValueError as in `best`.
    """
    rows = []
    for cell in best(summarise(table), metric).itertuples():
        rows_of_cell = (table["metric"] == metric) & (table["world"] == cell.world) & (table["method"] == cell.method)
        rows_of_cell &= (table["sampler"] == cell.sampler) & (table["steps"] == cell.steps) & (table["n"] == cell.n)
        wide = table[rows_of_cell].pivot(index=["train_seed", "seed"], columns="w", values="value")
        if 0.0 not in wide:
            continue
        pairs = (wide[cell.w] - wide[0.0]).dropna()
        trainings = pairs.groupby(level="train_seed").mean()
        counts = (len(trainings), int((trainings < 0).sum()), len(pairs), int((pairs < 0).sum()))
        group = (cell.world, cell.method, cell.sampler, cell.steps, cell.n)
        rows.append((*group, cell.w, trainings.mean(), trainings.std(ddof=1), *counts))
    frame = pd.DataFrame(rows, columns=COMPARED)
    return frame if (frame["runs"] >= 2).any() else frame.iloc[:0]
