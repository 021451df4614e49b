"""Is a method plain guidance with another w? By paired runs, with a margin that is stated, and "undecided" where n says so.

Each run (training, seed) of a method is compared with the same run of plain guidance at the w that comes nearest to it; that w
is chosen on the other sampling seeds, since the nearest of many is lucky. Two cells are alike if every measure differs by less
than MARGIN of the span of plain guidance's curve, each by two one-sided tests; they are different if a measure's difference is
not zero, after Holm over all strengths and measures of the method. What is neither is undecided: more seeds would tell. So it is
where plain guidance hardly moves a measure: a tenth of nothing cannot be shown.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from analysis.compare import REFERENCE
from analysis.reference_curve import ReferenceCurve
from analysis.statistics import LEVEL, Difference, by_run, difference, holm

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


def verdicts(table: pd.DataFrame, measures: Sequence[str], quality: str, diversity: str) -> pd.DataFrame:
    """One row per method of a table that holds one world, sampler, steps and n: columns

    method, w                   its strengths
    nearest w of the reference  mean over runs; effective w: of the update, if it was recorded
    alike, different, undecided at how many of its strengths
    better, worse               at how many, by `quality` (lower is better) at equal `diversity`: by more than the margin, and not
                                zero after Holm over the strengths
    largest                     the largest mean difference of a measure, as a share of the reference's span
    detectable                  the share of the span that the runs find four times in five, median over measures and strengths
    units, over                 how many independent units there are, and what they are
    verdict                     in words, of VERDICTS

    Holm is within a method: of n methods that are all plain guidance n / 20 are called different by chance, at most. ValueError
    where the reference has no curve, or no second run.
    """
    curves = ReferenceCurve(table, [*dict.fromkeys([*measures, quality, diversity])])
    methods = [name for name in dict.fromkeys(table.loc[table["steps"] > 0, "method"]) if name != REFERENCE]
    return pd.DataFrame([_row(table, curves, name, measures, quality, diversity) for name in methods])


def _row(
    table: pd.DataFrame, curves: ReferenceCurve, method: str, measures: Sequence[str], quality: str, diversity: str
) -> dict[str, object]:
    frames = {metric: by_run(table, metric, method) for metric in curves.values}
    ws = [w for w in frames[quality].columns if w != 0]
    differences: dict[float, dict[str, Difference]] = {}
    nearest_ws, at_equal = [], []
    for w in ws:
        cell = {metric: frame[w].reindex(curves.runs) for metric, frame in frames.items() if w in frame}
        if set(measures) - set(cell) or any(cell[metric].isna().any() for metric in measures):
            continue  # a collapsed cell has no density, and no distance from one: it stays undecided
        indices = curves.nearest(cell, measures)
        nearest_ws.append(float(np.mean(curves.grid[indices])))
        differences[w] = {name: difference(cell[name] - curves.at(name, indices)) for name in measures}
        if (equal := curves.at_equal(cell[diversity], diversity, MARGIN)) is not None:
            at_equal.append(difference(cell[quality] - curves.at(quality, equal)))
    alike, different = _alike_and_different(differences, curves)
    counts = {"alike": len(alike), "different": len(different), "undecided": len(ws) - len(alike) - len(different)}
    apart = [gap.mean for gap in _significant(at_equal) if abs(gap.mean) > MARGIN * curves.span[quality]]
    better, worse = sum(mean < 0 for mean in apart), sum(mean > 0 for mean in apart)
    flat = [(name, gap) for by_measure in differences.values() for name, gap in by_measure.items()]
    effective = table[(table["metric"] == "effective_w") & (table["method"] == method)].groupby("w")["value"].mean()
    return {
        "method": method,
        "w": ", ".join(f"{w:g}" for w in ws),
        "nearest w of the reference": ", ".join(f"{w:.2g}" for w in nearest_ws),
        "effective w": ", ".join(f"{effective[w]:.2g}" for w in ws if w in effective),
        **counts,
        "better": better,
        "worse": worse,
        "largest": max((abs(gap.mean) / curves.span[name] for name, gap in flat), default=np.nan),
        "detectable": float(np.median([gap.detectable() / curves.span[name] for name, gap in flat])) if flat else np.nan,
        "units": flat[0][1].units if flat else 0,
        "over": flat[0][1].over if flat else "",
        "verdict": VERDICTS[_word(counts, nearest_ws, better, worse)],
    }


def _alike_and_different(
    differences: dict[float, dict[str, Difference]], curves: ReferenceCurve
) -> tuple[list[float], set[float]]:
    """The strengths at which every measure is shown to be alike, and those of the others at which one is not zero."""
    alike = [w for w, own in differences.items() if all(gap.alike(MARGIN * curves.span[name]) for name, gap in own.items())]
    flat = [(w, gap) for w, own in differences.items() for gap in own.values()]
    significant = {id(gap) for gap in _significant([gap for _, gap in flat])}  # one family: every strength and measure
    return alike, {w for w, gap in flat if id(gap) in significant} - set(alike)


def _significant(family: Sequence[Difference]) -> list[Difference]:
    """Those of a family of differences that are not zero at LEVEL, after Holm."""
    return [gap for gap, p in zip(family, holm([_p(gap) for gap in family])) if p < LEVEL]


def _p(gap: Difference) -> float:
    """Of the two-sided t test of no difference; a difference without any noise is certain unless it is zero."""
    if gap.units < 2:
        return 1.0
    if gap.error == 0:
        return float(gap.mean == 0)
    return float(2 * student.sf(abs(gap.mean) / gap.error, gap.units - 1))


def _word(counts: dict[str, int], nearest_ws: Sequence[float], better: int, worse: int) -> str:
    if counts["different"]:
        return "mixed" if better and worse else "better" if better else "worse" if worse else "different"
    if counts["undecided"] or not counts["alike"]:
        return "undecided"
    return "no effect" if max(map(abs, nearest_ws)) < MAX_W_NO_EFFECT else "another w"


def overview(compared: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of every world side by side: one row per method, cells such as "another w" or "undecided"."""
    short = {words: word for word, words in VERDICTS.items()}
    cells = compared.assign(cell=compared["verdict"].map(short))
    order = compared[["family", "method"]].drop_duplicates()
    wide = cells.pivot(index="method", columns="world", values="cell")[list(dict.fromkeys(cells["world"]))]
    merged = order.merge(wide.reset_index(), on="method").fillna("")
    return merged.sort_values("family", kind="stable").set_index(["family", "method"])
