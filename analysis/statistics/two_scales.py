"""Samples under two scales, that of the class and that of a second condition, as a grid (InstructPix2Pix, arXiv 2211.09800)."""

import pandas as pd

from analysis.results import Results
from analysis.statistics.paired import RUN, Difference, difference

CLASS, SECOND = "class scale", "second scale"


def by_scales(results: Results, metric: str) -> pd.DataFrame:
    """The runs of one world's main sweep: rows train_seed and seed, columns (class scale, second scale), 1 + a share of w each.

    Cells at (1, 1), w = 0, are of one model, and are taken once. ValueError where no method has two scales.
    """
    shares = results.tables.get("scales", pd.DataFrame())
    rows = results.sampled
    rows = rows[(rows["sampler"] == results.sampler) & (rows["steps"] == results.steps) & (rows["metric"] == metric)]
    if shares.empty or rows.empty:
        raise ValueError(f"no method with two scales has {metric}")
    rows = rows.merge(shares, on="method")
    rows = rows.assign(**{CLASS: 1 + rows["fine"] * rows["w"], SECOND: 1 + rows["coarse"] * rows["w"]})
    return rows.groupby([*RUN, CLASS, SECOND])["value"].first().unstack([CLASS, SECOND]).sort_index(axis=1)


def grid(results: Results, metric: str) -> pd.DataFrame:
    """The means: rows class scales, columns second scales; NaN where a pair was not sampled."""
    return by_scales(results, metric).mean().unstack(SECOND)


def of_the_second_scale(results: Results, metric: str) -> tuple[float, float, Difference]:
    """At class scale 1: the largest second scale that was sampled, the mean at it, and its difference from scale 1, by run."""
    runs = by_scales(results, metric)[1.0]
    if 1.0 not in runs or runs.shape[1] < 2:
        raise ValueError("no second scale but 1 was sampled at class scale 1")
    largest = float(runs.columns.max())
    return largest, float(runs[largest].mean()), difference(runs[largest] - runs[1.0])
