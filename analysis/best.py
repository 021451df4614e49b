"""Where a curve has its minimum, and whether that is more than chance."""

import math

import pandas as pd

from analysis.table import cells_of, summarise


def best(summary: pd.DataFrame, metric: str = "fid_digits") -> pd.DataFrame:
    """For every method, sampler, steps and n, the summary's row with the smallest mean of `metric`: the w to quote."""
    cells = cells_of(summary, metric)
    rows = cells.groupby(["world", "method", "sampler", "steps", "n"])["value"].idxmin()
    return cells.loc[rows].reset_index(drop=True)


def best_against_plain(table: pd.DataFrame, metric: str = "fid_digits") -> pd.DataFrame:
    """Is the best w really better than none? `best` beside w = 0, run by run: both share train_seed and seed, hence noise.

    Columns `world, method, sampler, steps, n, w` (of the smallest mean), `difference` (mean of value(w) - value(0)), `sd` of the
    paired differences, `pairs`, `lower` (pairs in which w is lower), `p` and `differs` (p <= 0.05).

    p is the two-sided exact sign test times the number of w's that stood for election (Bonferroni), at most 1: picking the lowest
    of many noisy means would otherwise find a "minimum" where there is none. Runs of one training seed are not quite independent.
    """
    rows = []
    for cell in best(summarise(table), metric).itertuples():
        here = (table["metric"] == metric) & (table["world"] == cell.world) & (table["method"] == cell.method)
        here &= (table["sampler"] == cell.sampler) & (table["steps"] == cell.steps) & (table["n"] == cell.n)
        wide = table[here].pivot(index=["train_seed", "seed"], columns="w", values="value")
        if 0.0 not in wide:
            raise ValueError(
                f"{cell.method} with {cell.sampler} at {cell.steps} steps has no w = 0 to compare with: sample it too"
            )
        difference = (wide[cell.w] - wide[0.0]).dropna()
        lower, ties = int((difference < 0).sum()), int((difference == 0).sum())
        p = min(1.0, _sign_test(lower, len(difference) - ties) * max(1, wide.shape[1] - 1))
        rows.append({
            "world": cell.world, "method": cell.method, "sampler": cell.sampler, "steps": cell.steps, "n": cell.n, "w": cell.w,
            "difference": difference.mean(), "sd": difference.std(ddof=1), "pairs": len(difference), "lower": lower,
            "p": p, "differs": p <= 0.05,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _sign_test(lower: int, pairs: int) -> float:
    """Two-sided exact p of `lower` out of `pairs` under a fair coin."""
    tail = sum(math.comb(pairs, i) for i in range(min(lower, pairs - lower) + 1))
    return min(1.0, 2 * tail / 2**pairs)
