"""Methods ranked: each at its own best w, chosen on other seeds than those reported; gaps inside the noise are ties.

The seeds are cut in halves. On either half w is the one that is best on the other half, so that every run is reported once, at a
strength that was chosen without it. Differences are paired by run. A method's rank is one more than the number of methods that
are better than it: in every measure of the question, by a two-sided t test at LEVEL after Holm over the pairs that this method is
in, of the largest p of a pair's measures. Two methods of which neither is better than the other are a tie; so are two that differ
by rounding alone.

The two halves are not independent where they choose differently, since each chooses what the other reports: of two methods that
are the same at every w the t test then finds a difference in 8 to 10 % instead of 5, and so does Holm's of thirty, unless the
strengths of a method share their noise (tests/analysis/test_ranking.py). To report on one half alone would keep 5 %, of half as
many seeds.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.metrics import metric
from analysis.statistics.paired import LEVEL, by_run, difference, halves, holm

BETTER, TIE, WORSE = "better", "tie", "worse"
ROUNDING = 1e-5  # of a value: the same samples computed in another order differ by less, in every run alike


def ranking(table: pd.DataFrame, measures: Sequence[str], w: float | None, reference: str) -> pd.DataFrame:
    """One row per method of a tidy table of one world and protocol, the best first. Columns

    method, rank         rank is NaN where there is none: images that were measured on one feature network alone
    ties                 how many others it is a tie with: places rank to rank + ties are not excluded
    ws                   the strengths it is reported at, "0.5" or "0.5, 1" where the halves chose differently; of several
                         measures one after the other, as "0.5 / 1"
    MEASURE, MEASURE low, MEASURE high   the mean and its interval at 1 - LEVEL over runs, of every measure
    MEASURE gap, MEASURE gap low, MEASURE gap high   of the mean difference from `reference`
    against              better, tie or worse than the reference, as the ranks have it

    w: at this strength alone (None: each at its own best); methods without it are left out. ValueError for two protocols, two
    worlds, a measure that somebody lacks, or a reference that is not there.
    """
    for column in ("protocol", "world", "sampler", "steps", "n"):
        if column in table and table[column].nunique() > 1:
            raise ValueError(f"two of {column} in one comparison: {', '.join(map(str, table[column].unique()))}: take one")
    methods = list(dict.fromkeys(table["method"]))
    held = {name: {measure: at_strength(table, measure, name, w) for measure in measures} for name in methods}
    held = {name: found for name, found in held.items() if None not in found.values()}
    if reference not in held:
        raise ValueError(f"{reference}, which all are compared with, is not among {', '.join(held) or 'them'}")
    values = {name: pd.DataFrame({measure: own[0] for measure, own in found.items()}) for name, found in held.items()}
    better = _better(values, measures)
    judged = len(networks(measures)) != 1
    rows = []
    for name, own in values.items():
        above, below = (sum(better[pair] for pair in pairs) for pairs in _pairs(name, values))
        ws = " / ".join(chosen for _, chosen in held[name].values())
        row = {"method": name, "rank": 1 + above if judged else math.nan, "ties": len(values) - 1 - above - below, "ws": ws}
        row["against"] = WORSE if better.get((reference, name)) else BETTER if better.get((name, reference)) else TIE
        for measure in measures:
            row |= _interval(own[measure], measure) | _interval(own[measure] - values[reference][measure], f"{measure} gap")
        rows.append(row)
    found = pd.DataFrame(rows)
    first = measures[0]
    found.loc[found["method"] == reference, "against"] = ""
    order = found[first] if not metric(first).higher_is_better else -found[first]
    return found.assign(order=order).sort_values(["rank", "order"], ignore_index=True).drop(columns="order")


def at_strength(table: pd.DataFrame, measure: str, method: str, w: float | None) -> tuple[pd.Series, str] | None:
    """The values of a method by run, and at which w; None where it has not that w. ValueError for a run without the measure."""
    curve = by_run(table, measure, method)
    if curve.empty or curve.isna().any(axis=None):
        raise ValueError(f"{method} lacks {measure} in some run")
    if w is not None:
        return (curve[w], f"{w:g}") if w in curve else None
    parts = halves(curve.index)
    means = [curve.loc[choose].mean() for choose in parts]
    best = [float(mean.idxmax() if metric(measure).higher_is_better else mean.idxmin()) for mean in means]
    values = pd.concat([curve.loc[report, chosen] for report, chosen in zip(parts[::-1], best)])
    return values.sort_index(), ", ".join(f"{one:g}" for one in sorted(set(best)))


def networks(measures: Sequence[str]) -> set[str]:
    """The feature networks behind measures of images."""
    return {described.of for name in measures if (described := metric(name)).suffix == "features"}


def _pairs(name: str, names: Mapping[str, object]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    others = [other for other in names if other != name]
    return [(other, name) for other in others], [(name, other) for other in others]


def _better(values: Mapping[str, pd.DataFrame], measures: Sequence[str]) -> dict[tuple[str, str], bool]:
    """Whether the first of two methods is better than the second, which stands among as many comparisons as there are others."""
    found = {}
    for name in values:
        others = [other for other in values if other != name]
        for other, word in zip(others, _verdicts(values, measures, name, others)):
            found[other, name] = word == BETTER
    return found


def _verdicts(values: Mapping[str, pd.DataFrame], measures: Sequence[str], base: str, others: Sequence[str]) -> list[str]:
    """What each of the others is beside `base`: better or worse in every measure, or a tie; Holm over the others."""
    told = [[_told(values[other][measure], values[base][measure], measure) for measure in measures] for other in others]
    worst = [max(p for p, _ in of) if len({word for _, word in of}) == 1 else 1.0 for of in told]
    return [of[0][1] if adjusted < LEVEL else TIE for of, adjusted in zip(told, holm(worst))]


def _told(values: pd.Series, beside: pd.Series, measure: str) -> tuple[float, str]:
    """The p of a difference in one measure, and which way it goes."""
    gap = difference(values - beside)
    equal = abs(gap.mean) <= ROUNDING * abs(beside.mean())
    return 1.0 if equal else gap.p, BETTER if (gap.mean < 0) != bool(metric(measure).higher_is_better) else WORSE


def _interval(values: pd.Series, name: str) -> dict[str, float]:
    gap = difference(values)
    return {name: gap.mean, f"{name} low": gap.low, f"{name} high": gap.high}
