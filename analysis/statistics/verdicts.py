"""Is a method plain guidance with another w? By paired runs, with a margin that is stated, and "undecided" where n says so.

Each run (training, seed) of a method is compared with the same run of plain guidance at the w that comes nearest to it, without
what another w nearby explains (`ReferenceCurve.across`), since that w is itself estimated. Two cells are alike if every measure
differs by less than MARGIN of the span of plain guidance's curve, by two one-sided tests each; they are different if a measure's
difference is not zero. What is neither is undecided: more seeds would tell. So it is where plain guidance hardly moves a measure:
a tenth of nothing cannot be shown.

All is corrected by Holm over the whole world. That one or more of its methods are wrongly called plain guidance with another w
has a chance of LEVEL at most, however many methods there are; so has that one or more are wrongly called different, and that one
or more are wrongly called better or worse. A method is called better or worse only where it is called different.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import LEVEL, Difference, by_run, difference, holm
from analysis.statistics.reference_curve import ReferenceCurve

MARGIN = 0.1  # of the span of plain guidance's curve in a measure
MAX_W_NO_EFFECT = 0.05  # w of the reference, below which an equivalent method has no effect
VERDICTS = {
    "no effect": "no effect at these strengths",
    "another w": "plain guidance with another w",
    "better": "different, better at equal diversity",
    "worse": "different, worse at equal diversity",
    "mixed": "different, better and worse at equal diversity",
    "different": "different, neither better nor worse where they can be compared",
    "undecided": "undecided: more seeds would tell",
}


def verdicts(table: pd.DataFrame, measures: Sequence[str], quality: str, diversity: str, given: bool = False) -> pd.DataFrame:
    """One row per method of a table that holds one world, sampler, steps and n: columns

    method, w                   its strengths
    nearest w of the reference  mean over runs; effective w: of the update, if it was recorded
    alike, different, undecided at how many of its strengths, after Holm over all of them; alike at all, if the verdict says so
    outside                     at how many the method is less or more diverse than plain guidance at any w, so that `quality`
                                cannot be compared at equal `diversity`
    better, worse               at how many, by `quality` (lower is better) at equal `diversity`: not zero after Holm over methods
                                and strengths, and the estimate beyond the margin
    largest                     the largest mean difference of a measure, as a share of the reference's span
    detectable                  the share of the span that the runs find four times in five after Holm, median over measures and
                                strengths
    hidden                      the same, the largest over the measures of its undecided strengths; NaN where none is
    units, over                 how many independent units there are, and what they are
    verdict                     in words, of VERDICTS

    given: of these networks alone, see `analysis.statistics.paired.difference`. ValueError where the reference has no curve, or
    no second run; and of one measure, whose every value some w of plain guidance has.
    """
    if len(set(measures)) < 2:
        raise ValueError("one measure cannot tell a method from plain guidance with another w: give two or more")
    curves = ReferenceCurve(table, [*dict.fromkeys([*measures, quality, diversity])])
    methods = [name for name in dict.fromkeys(table.loc[table["steps"] > 0, "method"]) if name != REFERENCE]
    found = [_differences(table, curves, name, measures, quality, diversity, given) for name in methods]
    cells = [(one, w) for one in found for w in one.of]
    same = [_p_alike(one.of[w], curves) for one, w in cells]
    apart = [_p_different(one.of[w]) for one, w in cells]
    for (one, w), is_same, is_apart in zip(cells, _significant(same), _significant(apart)):
        if is_same or is_apart:
            (one.alike if is_same else one.different).append(w)
    whole = [one for one in found if one.ws and len(one.of) == len(one.ws)]
    at_all = [max(p for (other, _), p in zip(cells, same) if other is one) for one in whole]  # one hypothesis a method
    for one, alike_at_all in zip(whole, _significant(at_all)):
        if alike_at_all:
            one.alike, one.different = one.ws, []
    equal = [(one, gap) for one in found for gap in one.at_equal]
    for (one, gap), certain in zip(equal, _significant(gap.p for _, gap in equal)):
        if certain and abs(gap.mean) > MARGIN * curves.span[quality]:
            (one.better if gap.mean < 0 else one.worse).append(gap)
    effective = table[table["metric"] == "effective_w"].groupby(["method", "w"])["value"].mean()
    tests = len(cells) * len(measures)
    return pd.DataFrame([_row(one, curves, tests, effective.get(one.method, {})) for one in found])


@dataclass
class _Found:
    """Of one method: by strength the difference in every measure; those in quality at equal diversity; and what they tell."""

    method: str
    ws: list[float]
    nearest: list[float] = field(default_factory=list)
    of: dict[float, dict[str, Difference]] = field(default_factory=dict)
    at_equal: list[Difference] = field(default_factory=list)
    alike: list[float] = field(default_factory=list)
    different: list[float] = field(default_factory=list)
    better: list[Difference] = field(default_factory=list)
    worse: list[Difference] = field(default_factory=list)

    @property
    def word(self) -> str:
        """Of VERDICTS."""
        better, worse = bool(self.better), bool(self.worse)
        if len(self.alike) < len(self.ws) or not self.ws:
            word = "mixed" if better and worse else "better" if better else "worse" if worse else "different"
            return word if self.different else "undecided"
        return "no effect" if max(map(abs, self.nearest)) < MAX_W_NO_EFFECT else "another w"


def _differences(
    table: pd.DataFrame, curves: ReferenceCurve, method: str, measures: Sequence[str], quality: str, diversity: str, given: bool
) -> _Found:
    frames = {metric: by_run(table, metric, method) for metric in curves.values}
    found = _Found(method, [w for w in frames[quality].columns if w != 0])
    for w in found.ws:
        cell = {metric: frame[w].reindex(curves.runs) for metric, frame in frames.items() if w in frame}
        if set(measures) - set(cell) or any(cell[metric].isna().any() for metric in measures):
            continue  # a collapsed cell has no density, and no distance from one: it stays undecided
        index = curves.nearest(cell, measures)
        found.nearest.append(float(curves.grid[index]))
        across = curves.across({name: cell[name] for name in measures}, index)
        found.of[w] = {name: difference(pairs, given) for name, pairs in across.items()}
        equal = curves.at_equal(cell[quality], cell[diversity], diversity, quality, MARGIN)
        if equal is not None:
            found.at_equal.append(difference(equal, given))
    return found


def _p_alike(gaps: dict[str, Difference], curves: ReferenceCurve) -> float:
    """That every measure is alike: the largest p of all (an intersection-union test, Berger, 1982)."""
    return max(gap.p_alike(MARGIN * curves.span[name]) for name, gap in gaps.items())


def _p_different(gaps: dict[str, Difference]) -> float:
    """That some measure is not: the smallest p of all, by Bonferroni."""
    return min(1.0, len(gaps) * min(gap.p for gap in gaps.values()))


def _significant(p: Iterable[float]) -> list[bool]:
    """Which of a family of tests are so at LEVEL, after Holm."""
    return [adjusted < LEVEL for adjusted in holm(list(p))]


def _row(found: _Found, curves: ReferenceCurve, tests: int, effective: "pd.Series[float]") -> dict[str, object]:
    flat = [(curves.span[name], gap) for gaps in found.of.values() for name, gap in gaps.items()]
    open_ = [w for w in found.of if w not in found.alike and w not in found.different]
    hidden = [gap.detectable(tests=tests) / curves.span[name] for w in open_ for name, gap in found.of[w].items()]
    counts = {"alike": len(found.alike), "different": len(found.different)}
    return {
        "method": found.method,
        "w": ", ".join(f"{w:g}" for w in found.ws),
        "nearest w of the reference": ", ".join(f"{w:.2g}" for w in found.nearest),
        "effective w": ", ".join(f"{effective[w]:.2g}" for w in found.ws if w in effective),
        **counts,
        "undecided": len(found.ws) - sum(counts.values()),
        "outside": len(found.of) - len(found.at_equal),
        "better": len(found.better),
        "worse": len(found.worse),
        "largest": max((abs(gap.mean) / span for span, gap in flat), default=np.nan),
        "detectable": float(np.median([gap.detectable(tests=tests) / span for span, gap in flat])) if flat else np.nan,
        "hidden": max(hidden, default=np.nan),
        "units": flat[0][1].units if flat else 0,
        "over": flat[0][1].over if flat else "",
        "verdict": VERDICTS[found.word],
    }


def overview(compared: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of every world side by side: one row per method, cells such as "another w" or "undecided"."""
    short = {words: word for word, words in VERDICTS.items()}
    cells = compared.assign(cell=compared["verdict"].map(short))
    order = compared[["family", "method"]].drop_duplicates()
    wide = cells.pivot(index="method", columns="world", values="cell")[list(dict.fromkeys(cells["world"]))]
    merged = order.merge(wide.reset_index(), on="method").fillna("")
    return merged.sort_values("family", kind="stable").set_index(["family", "method"])
