"""Every method and w against w = 0 of the same run."""

import pandas as pd

from analysis.statistics.paired import RUN, difference
from analysis.table import BASELINES, in_brackets


def paired_with_plain(table: pd.DataFrame, metric: str, *, sampler: str, steps: int) -> pd.DataFrame:
    """Rows (method, w): mean of value(w) - value(0), its 95 % interval, the units it rests on, and what that amounts to.

    table: tidy, of single runs. w = 0 is the conditional model for every method of one network, whose words in brackets agree,
    and is taken where a run has it. verdict: "tie" where the interval holds zero, "one unit" where there is none. ValueError if
    no run has the metric at w = 0 and elsewhere.
    """
    own = table[(table["metric"] == metric) & (table["sampler"] == sampler) & (table["steps"] == steps)]
    own = own[(own["n"] == own["n"].max()) & ~own["method"].isin(BASELINES)]
    zero = own[own["w"] == 0]
    plain = zero.assign(network=[*map(in_brackets, zero["method"])]).groupby(["network", *RUN])["value"].first()
    rows = []
    for (method, w), cells in own[own["w"] != 0].groupby(["method", "w"], sort=False):
        if in_brackets(method) not in plain.index:
            continue
        pairs = (cells.set_index(RUN)["value"] - plain[in_brackets(method)]).dropna()
        if pairs.empty:
            continue
        gap = difference(pairs)
        moved = "tie" if not gap.apart else "more" if gap.mean > 0 else "less"
        verdict = moved if gap.units > 1 else "one unit"
        rows.append((method, f"{w:g}", gap.mean, gap.low, gap.high, gap.units, gap.over, verdict))
    if not rows:
        raise ValueError(f"no run has {metric} at w = 0 and at another w with sampler {sampler!r} and {steps} steps")
    names = ["method", "w", "difference", "low", "high", "units", "over", "verdict"]
    return pd.DataFrame(rows, columns=names).set_index(["method", "w"])
