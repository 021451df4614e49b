"""Methods ranked: each at its own best w, chosen on other seeds than those reported; gaps inside the noise are ties.

The seeds are cut in halves. On either half w is the one that is best on the other half, so that every run is reported once, at a
strength that was chosen without it. Differences are paired by run. A method's rank is one more than the number of methods that
are better than it: in every measure of the question, each by a two-sided t test at LEVEL after Holm over the pairs that this
method is in. Two methods of which neither is better than the other are a tie. What is not independent between the two halves is
the training, of which the networks are given.
"""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from scipy.stats import t as student

from analysis.metrics import metric
from analysis.statistics.paired import LEVEL, by_run, difference, halves, holm

BETTER, TIE, WORSE = "better", "tie", "worse"


def ranking(table: pd.DataFrame, measures: Sequence[str], w: float | None, reference: str) -> pd.DataFrame:
    """One row per method of a tidy table of one world and protocol, the best first. Columns

    method, rank         rank is NaN where there is none: images that were measured on one feature network alone
    ties                 how many others it is a tie with
    ws                   the strengths it is reported at, "0.5" or "0.5, 1" where the halves chose differently; of several
                         measures one after the other, as "0.5 / 1"
    MEASURE, MEASURE low, MEASURE high   the mean and its interval at 1 - LEVEL over runs, of every measure
    MEASURE gap, MEASURE gap low, MEASURE gap high   of the mean difference from `reference`
    against              better, tie or worse than the reference, in every measure after Holm over the methods

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
        for measure in measures:
            row |= _interval(own[measure], measure) | _interval(own[measure] - values[reference][measure], f"{measure} gap")
        rows.append(row)
    found = pd.DataFrame(rows)
    found["against"] = _against(values, measures, reference)
    first = measures[0]
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


def _against(values: Mapping[str, pd.DataFrame], measures: Sequence[str], reference: str) -> list[str]:
    others = [name for name in values if name != reference]
    words = dict(zip(others, _verdicts(values, measures, reference, others)))
    return [words.get(name, "") for name in values]


def _verdicts(values: Mapping[str, pd.DataFrame], measures: Sequence[str], base: str, others: Sequence[str]) -> list[str]:
    """What each of the others is beside `base`: better or worse in every measure, or a tie; Holm over the others."""
    words = []
    for measure in measures:
        gaps = [difference(values[other][measure] - values[base][measure]) for other in others]
        sign = -1 if metric(measure).higher_is_better else 1
        adjusted = holm([_p(gap.mean, gap.error, gap.units) for gap in gaps])
        words.append([(WORSE if sign * gap.mean > 0 else BETTER) if p < LEVEL else TIE for gap, p in zip(gaps, adjusted)])
    return [found[0] if len(set(found)) == 1 else TIE for found in zip(*words)]


def _p(mean: float, error: float, units: int) -> float:
    """Two-sided, of a mean of paired differences; 1 for one unit."""
    if units < 2:
        return 1.0
    return float(2 * student.sf(abs(mean) / error, units - 1)) if error > 0 else float(mean == 0)


def _interval(values: pd.Series, name: str) -> dict[str, float]:
    gap = difference(values)
    return {name: gap.mean, f"{name} low": gap.low, f"{name} high": gap.high}
