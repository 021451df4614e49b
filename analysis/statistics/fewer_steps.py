"""Methods that have a number of steps of their own, as students of few steps have, beside plain guidance at the same w."""

import pandas as pd

from analysis.metrics import metric as described
from analysis.statistics.compare import REFERENCE
from analysis.statistics.matched import prices_of
from analysis.statistics.paired import by_run, difference, judge
from analysis.statistics.reference_curve import ReferenceCurve
from analysis.statistics.verdicts import MARGIN

JUDGED = (0.0, 1.0)  # the plain model and guidance as strong again, named before any is seen: each w more is a test more
COLUMNS = ["method", "steps", "w", "evaluations", "value", "reference_steps", "reference_evaluations", "reference"]
COLUMNS += ["difference", "low", "high", "units", "over", "margin", "verdict"]


def of_other_steps(table: pd.DataFrame, steps: int) -> list[str]:
    """The methods that were not sampled at `steps`, where plain guidance was, and at other numbers too."""
    kinds = table.groupby("method", sort=False)["steps"].agg(set)
    plain = kinds.get(REFERENCE, set())
    return [name for name, own in kinds.items() if steps in plain and steps not in own and own <= plain]


def fewer_steps(table: pd.DataFrame, metric: str, steps: int) -> pd.DataFrame:
    """One row for each such method, w and number of steps of plain guidance: as many as the method's, and `steps`.

    table: of one world, sampler and n. Runs are paired at the same w. evaluations: of every network, counted, a sample. margin:
    MARGIN of the span of plain guidance's curve at `steps`. verdict: at the w of JUDGED "better", "worse", "equivalent" or
    "undecided", after Holm over these rows (analysis.statistics.paired.judge); "" at others. ValueError for one run, or where
    plain guidance has no curve at `steps`.
    """
    plain = {own: by_run(rows, metric, REFERENCE) for own, rows in table.groupby("steps")}
    margin = MARGIN * ReferenceCurve(table[table["steps"] == steps], [metric]).span[metric]
    prices = prices_of(table, "nfe", ["method", "steps", "w"])
    cells, gaps = [], []
    for name in of_other_steps(table, steps):
        for own, rows in table[table["method"] == name].groupby("steps"):
            for w, values in by_run(rows, metric, name).items():
                for beside in (own, steps):
                    if w in plain[beside] and len(pairs := (values - plain[beside][w]).dropna()):
                        price, other = prices.get((name, own, w)), prices.get((REFERENCE, beside, w))
                        reference = plain[beside].loc[pairs.index, w].mean()
                        cells.append([name, own, w, price, values[pairs.index].mean(), beside, other, reference])
                        gaps.append(difference(pairs))
    tests = [gap for cell, gap in zip(cells, gaps) if cell[2] in JUDGED]
    judged = iter(judge(tests, [margin] * len(tests), not described(metric).higher_is_better))
    words = [next(judged) if w in JUDGED else "" for _, _, w, *_ in cells]
    ends = [[gap.mean, gap.low, gap.high, gap.units, gap.over, margin, word] for gap, word in zip(gaps, words)]
    return pd.DataFrame([[*cell, *end] for cell, end in zip(cells, ends)], columns=COLUMNS)
