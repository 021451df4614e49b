"""Every method beside plain guidance in one measure: each at its own best w, at equal cost, and at matched effective w.

`table` is the tidy table of one world and sampler; of several n the largest is taken. Runs are paired. Every function returns one
row per method (or per method and w) with COLUMNS:

method, w, steps     which cell; reference_w: the w of plain guidance beside it
price                what the cell costs over what plain guidance costs; NaN where costs are not matched
value, reference     means over the runs that report
difference           value - reference; low, high: its interval; units, over: of how many independent units, and which
margin               MARGIN of the span of plain guidance's curve (w up to 4): what is smaller is equivalent
detectable           the smallest difference that is found four times in five after Holm over the rows
verdict              "better", "worse", "equivalent" (shown to be within the margin) or "undecided" (inside the noise), after
                     Holm; "no guidance" where both are best at w = 0 and one model, which is no test of the family
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.metrics import metric as described
from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import Difference, best_w, by_run, difference, judge
from analysis.statistics.reference_curve import ReferenceCurve
from analysis.statistics.verdicts import MARGIN
from analysis.table import BASELINES, in_brackets

COLUMNS = ["method", "w", "steps", "reference_w", "price", "value", "reference", "difference", "low", "high", "units", "over"]
COLUMNS += ["margin", "detectable", "verdict"]
NO_GUIDANCE = "no guidance"
PRICES = ("nfe", "seconds_per_sample")
ROUNDING = 1e-3  # of an effective w at the end of the curve
AT_MOST_OFF = 0.25  # of the price: a method that has no number of levels nearer to plain guidance's cost is left out


def at_own_best(table: pd.DataFrame, metric: str, steps: int, given: bool = False) -> pd.DataFrame:
    """Each method and plain guidance at the w with the best mean on one half of the sampling seeds, compared on the other.

    w = 0, the conditional model, is among the ws of every method of the same network. A method that is best there, as plain
    guidance is, is not judged: the two are one model. given: of these networks alone, as in `difference`. ValueError for one
    sampling seed, for a metric of which neither direction is better, and where plain guidance has no curve.
    """
    rows, lower = _of_the_largest_n(table), _lower_is_better(metric)
    return _at_best(rows, {name: steps for name in _others(rows, steps)}, {}, metric, steps, lower, given)


def at_equal_cost(table: pd.DataFrame, metric: str, price: str, steps: int) -> pd.DataFrame:
    """Each method with the number of levels that costs what plain guidance costs at `steps`, each at its own best w.

    price: "nfe", the network evaluations of every kind together, or "seconds_per_sample". A method none of whose numbers of
    levels comes within AT_MOST_OFF of that cost is left out. ValueError as in `at_own_best`, and without prices.
    """
    rows, lower = _of_the_largest_n(table), _lower_is_better(metric)
    guided = prices_of(rows[rows["w"] != 0], price, ["method", "steps"])
    ratio = guided / guided.get((REFERENCE, steps), np.nan)
    if ratio.dropna().empty:
        raise ValueError(f"{REFERENCE} at {steps} steps has no {price}: there is no cost to be equal to")
    off = np.log(ratio).abs().rename("off").reset_index()
    off = off[(off["method"] != REFERENCE) & (np.exp(off["off"]) <= 1 + AT_MOST_OFF)]
    nearest = off.loc[off.groupby("method", sort=False)["off"].idxmin()]
    levels = dict(zip(nearest["method"], nearest["steps"].astype(int)))
    prices = {name: float(ratio[name, own]) for name, own in levels.items()}
    return _at_best(rows, levels, prices, metric, steps, lower)


def at_matched_w(table: pd.DataFrame, metric: str, steps: int) -> pd.DataFrame:
    """Each method at each w beside plain guidance at the w that pushes as hard: the mean `effective_w` of the method's updates.

    Between its ws plain guidance is interpolated; beyond them nothing is compared. ValueError without effective w, for one run,
    and as above.
    """
    rows, lower = _of_the_largest_n(table), _lower_is_better(metric)
    rows = rows[rows["steps"] == steps]
    effective = rows[(rows["metric"] == "effective_w") & (rows["w"] != 0)].groupby(["method", "w"], sort=False)["value"].mean()
    if effective.dropna().empty:
        raise ValueError("the table has no effective_w: strengths cannot be matched")
    curve = ReferenceCurve(rows, [metric])
    cells, gaps = [], []
    for name in _others(rows, steps):
        for w, values in by_run(rows, metric, name).reindex(curve.runs).items():
            pushed = effective.get((name, w), np.nan)
            if curve.ws[0] <= pushed <= curve.ws[-1] * (1 + ROUNDING) and values.notna().any():
                beside = curve.at(metric, pushed)
                cells.append([name, w, steps, pushed, np.nan, values.mean(), beside.mean()])
                gaps.append(difference(values - beside))
    return _judged(cells, gaps, MARGIN * curve.span[metric], lower)


def _at_best(
    rows: pd.DataFrame,
    levels: dict[str, int],
    prices: dict[str, float],
    metric: str,
    steps: int,
    lower: bool,
    given: bool = False,
) -> pd.DataFrame:
    """Methods at their own number of levels and best w, beside plain guidance at its own best w at `steps`."""
    main = rows[rows["steps"] == steps]
    curve, plain = ReferenceCurve(main, [metric]), by_run(main, metric, REFERENCE)
    reference_w, reference = best_w(plain, lower)
    cells, gaps = [], []
    for name, own in levels.items():
        values = by_run(rows[rows["steps"] == own], metric, name)
        lent = own == steps and not in_brackets(name)  # the plain model, which costs less at the levels that guidance has
        if lent and 0.0 in plain and 0.0 not in values:
            values = values.join(plain[[0.0]])
        values = values.loc[values.index.isin(plain.index)].dropna(axis=1)
        if values.empty:
            continue  # its samples collapsed, and have no such measure
        w, chosen = best_w(values, lower)
        pairs = (chosen - reference).dropna()
        if len(pairs):
            cells.append([name, w, own, reference_w, prices.get(name, np.nan), chosen.mean(), reference.mean()])
            gaps.append(difference(pairs, given))
    return _judged(cells, gaps, MARGIN * curve.span[metric], lower)


def _judged(cells: Sequence[list], gaps: Sequence[Difference], margin: float, lower: bool) -> pd.DataFrame:
    """The rows with their verdicts. Where both are the plain model the difference is 0 whatever the seeds, and no hypothesis."""
    idle = [w == reference_w == 0 and gap.mean == 0 and not gap.error > 0 for (_, w, _, reference_w, *_), gap in zip(cells, gaps)]
    tests = [gap for gap, one in zip(gaps, idle) if not one]
    judged = iter(judge(tests, [margin] * len(tests), lower))
    words = [NO_GUIDANCE if one else next(judged) for one in idle]
    ends = [
        [gap.mean, gap.low, gap.high, gap.units, gap.over, margin, gap.detectable(tests=max(1, len(tests))), word]
        for gap, word in zip(gaps, words)
    ]
    return pd.DataFrame([[*cell, *end] for cell, end in zip(cells, ends)], columns=COLUMNS)


def _of_the_largest_n(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[(table["steps"] > 0) & ~table["method"].isin(BASELINES)]
    for key in ("world", "sampler"):
        if rows[key].nunique() > 1:
            raise ValueError(f"the table holds the {key}s {', '.join(rows[key].unique())}: give the rows of one")
    return rows[rows["n"] == rows["n"].max()]


def _others(rows: pd.DataFrame, steps: int) -> list[str]:
    return [name for name in dict.fromkeys(rows.loc[rows["steps"] == steps, "method"]) if name != REFERENCE]


def _lower_is_better(metric: str) -> bool:
    if (higher := described(metric).higher_is_better) is None:
        raise ValueError(f"neither direction of {metric} is better: methods cannot be compared by it alone")
    return not higher


def prices_of(rows: pd.DataFrame, price: str, by: Sequence[str]) -> pd.Series:
    """The price of the cells of each group: "nfe", evaluations of every kind together, their mean; or "seconds_per_sample", those
    of the fastest cell, since whatever else runs beside a cell only adds to its seconds.
    """
    if price not in PRICES:
        raise ValueError(f"there is no price {price!r}: it is one of {', '.join(PRICES)}")
    own = rows["metric"].str.startswith("nfe_") if price == "nfe" else rows["metric"] == price
    of_run = rows[own].groupby(list(dict.fromkeys([*by, "w", "train_seed", "seed"])), sort=False)["value"].sum(min_count=1)
    groups = of_run.groupby(list(by), sort=False)
    return groups.mean() if price == "nfe" else groups.min()
