"""Is a method plain guidance with another w? By paired runs, with a margin that is stated, and "undecided" where n says so.

Each run (training, seed) of a method is compared with the same run of plain guidance at the w that comes nearest to it; that w
is chosen on the other sampling seeds, since the nearest of many is lucky. Two cells are alike if every measure differs by less
than MARGIN of the span of plain guidance's curve, each by two one-sided tests; they are different if a measure's difference is
not zero, after Holm over all strengths and measures of the method. What is neither is undecided: more seeds would tell.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from analysis.compare import REFERENCE
from analysis.statistics import LEVEL, Difference, by_run, difference, holm

MARGIN = 0.1  # of the span of plain guidance's curve in a measure
MAX_W_NO_EFFECT = 0.05  # w of the reference, below which an equivalent method has no effect
GRID = 400  # strengths of the reference that are tried
LINEAR = 0.15  # ws are spread as asinh(w / LINEAR), as on the figures' axes
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

    method, w (its strengths), nearest w (of the reference, mean over runs), effective w; alike, different, undecided (at how
    many of its strengths); better, worse (at how many, by `quality`, lower is better, at equal `diversity`, by more than the
    margin); largest (the largest mean difference of a measure, as a share of the reference's span); detectable (the share of
    the span that the runs would find four times in five, the median over measures and strengths); units, over (what was
    independent); verdict (in words).

    ValueError where the reference has no curve, or no second run.
    """
    curves = _Reference(table, [*dict.fromkeys([*measures, quality, diversity])])
    methods = [name for name in dict.fromkeys(table.loc[table["steps"] > 0, "method"]) if name != REFERENCE]
    return pd.DataFrame([row for name in methods if (row := _row(table, curves, name, measures, quality, diversity))])


class _Reference:
    """Plain guidance's curves, run by run, between its ws."""

    def __init__(self, table: pd.DataFrame, metrics: Sequence[str]):
        curves = {metric: by_run(table, metric, REFERENCE).dropna() for metric in metrics}
        if any(curve.empty or curve.shape[1] < 2 for curve in curves.values()):
            raise ValueError(f"{REFERENCE} has no curve over w: it is what all else is compared with")
        self.runs = next(iter(curves.values())).index
        if len(self.runs) < 2:
            raise ValueError("one run: no difference can be tested; give more sample_seeds or train_seeds")
        self.ws = np.asarray(next(iter(curves.values())).columns, dtype=float)
        stretched = np.arcsinh(self.ws / LINEAR)
        dense = np.linspace(stretched[0], stretched[-1], GRID)
        self.grid = LINEAR * np.sinh(dense)
        self.values = {
            name: np.stack([np.interp(dense, stretched, row) for row in curve.to_numpy()]) for name, curve in curves.items()
        }
        self.span = {name: float(np.ptp(curve.mean().to_numpy())) or 1.0 for name, curve in curves.items()}

    def at(self, metric: str, indices: Sequence[int]) -> pd.Series:
        """Each run's value at its own index of the grid."""
        return pd.Series(self.values[metric][np.arange(len(indices)), indices], index=self.runs)

    def nearest(self, cell: dict[str, pd.Series], metrics: Sequence[str]) -> list[int]:
        """For each run the place of the grid nearest to the cell in these metrics, by the runs of other sampling seeds."""
        off = sum(
            ((self.values[name] - cell[name].reindex(self.runs).to_numpy()[:, None]) / self.span[name]) ** 2 for name in metrics
        )
        seeds = self.runs.get_level_values("seed")
        others = [seeds != seed if (seeds != seed).any() else np.ones(len(seeds), bool) for seed in seeds]
        return [int(np.nanmean(off[rows], axis=0).argmin()) for rows in others]


def _row(
    table: pd.DataFrame, curves: _Reference, method: str, measures: Sequence[str], quality: str, diversity: str
) -> dict[str, object]:
    frames = {metric: by_run(table, metric, method) for metric in curves.values}
    ws = [w for w in frames[quality].columns if w != 0]
    gaps: dict[float, dict[str, Difference]] = {}
    near, at_equal = [], []
    for w in ws:
        cell = {metric: frame[w].reindex(curves.runs) for metric, frame in frames.items() if w in frame}
        if set(measures) - set(cell) or any(cell[metric].isna().any() for metric in measures):
            continue  # a collapsed cell has no density, and no distance from one: it stays undecided
        indices = curves.nearest(cell, measures)
        near.append(float(np.mean(curves.grid[indices])))
        gaps[w] = {name: difference(cell[name] - curves.at(name, indices)) for name in measures}
        if (gap := _at_equal(cell, curves, quality, diversity)) is not None and not gap.alike(MARGIN * curves.span[quality]):
            at_equal += [gap.mean] if gap.apart else []
    alike = [
        w for w, by_measure in gaps.items() if all(gap.alike(MARGIN * curves.span[name]) for name, gap in by_measure.items())
    ]
    flat = [(w, gap) for w, by_measure in gaps.items() for gap in by_measure.values()]
    adjusted = holm([_p(gap) for _, gap in flat])  # one family: every strength and measure of the method
    different = {w for (w, _), p in zip(flat, adjusted) if p < LEVEL} - set(alike)
    shares = [
        (gap.detectable() / curves.span[name], abs(gap.mean) / curves.span[name])
        for by_measure in gaps.values()
        for name, gap in by_measure.items()
    ]
    better, worse = sum(mean < 0 for mean in at_equal), sum(mean > 0 for mean in at_equal)
    effective = table[(table["metric"] == "effective_w") & (table["method"] == method)].groupby("w")["value"].mean()
    counts = {"alike": len(alike), "different": len(different), "undecided": len(ws) - len(alike) - len(different)}
    return {
        "method": method,
        "w": ", ".join(f"{w:g}" for w in ws),
        "nearest w of the reference": ", ".join(f"{w:.2g}" for w in near),
        "effective w": ", ".join(f"{effective[w]:.2g}" for w in ws if w in effective),
        **counts,
        "better": better,
        "worse": worse,
        "largest": max((size for _, size in shares), default=np.nan),
        "detectable": float(np.median([hidden for hidden, _ in shares])) if shares else np.nan,
        "units": flat[0][1].units if flat else 0,
        "over": flat[0][1].over if flat else "",
        "verdict": VERDICTS[_word(counts, near, better, worse)],
    }


def _p(gap: Difference) -> float:
    """Of the two-sided t test of no difference; a difference without any noise is certain unless it is zero."""
    if gap.units < 2:
        return 1.0
    if gap.error == 0:
        return float(gap.mean == 0)
    return float(2 * student.sf(abs(gap.mean) / gap.error, gap.units - 1))


def _at_equal(cell: dict[str, pd.Series], curves: _Reference, quality: str, diversity: str) -> Difference | None:
    """The difference in quality at the reference's w that is as diverse; None where it never is before its diversity turns.

    Where a strong w makes samples differ again that is damage, and what lies beside it is not as diverse.
    """
    mean = curves.values[diversity].mean(axis=0)
    turns = [int(place) for place in (mean.argmin(), mean.argmax()) if place > 0]
    end = min(turns, default=0) + 1
    low, high = mean[:end].min(), mean[:end].max()
    slack = MARGIN * curves.span[diversity]
    if end < 2 or not low - slack <= cell[diversity].mean() <= high + slack:
        return None
    off = np.abs(curves.values[diversity][:, :end] - cell[diversity].reindex(curves.runs).to_numpy()[:, None])
    seeds = curves.runs.get_level_values("seed")
    others = [seeds != seed if (seeds != seed).any() else np.ones(len(seeds), bool) for seed in seeds]
    indices = [int(np.nanmean(off[rows], axis=0).argmin()) for rows in others]
    return difference(cell[quality] - curves.at(quality, indices))


def _word(counts: dict[str, int], near: Sequence[float], better: int, worse: int) -> str:
    if counts["different"]:
        return "mixed" if better and worse else "better" if better else "worse" if worse else "different"
    if counts["undecided"] or not counts["alike"]:
        return "undecided"
    return "no effect" if max(map(abs, near)) < MAX_W_NO_EFFECT else "another w"


def overview(compared: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of every world side by side: one row per method, cells such as "another w" or "undecided"."""
    short = {words: word for word, words in VERDICTS.items()}
    cells = compared.assign(cell=compared["verdict"].map(short))
    order = compared[["family", "method"]].drop_duplicates()
    wide = cells.pivot(index="method", columns="world", values="cell")[list(dict.fromkeys(cells["world"]))]
    merged = order.merge(wide.reset_index(), on="method").fillna("")
    return merged.sort_values("family", kind="stable").set_index(["family", "method"])
