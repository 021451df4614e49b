"""Trainings of other shares of dropped labels beside the usual one, paired by run: is one of them better?"""

from collections.abc import Mapping

import pandas as pd

from analysis.metrics import columns_of
from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.statistics.matched import at_own_best

USUAL = 0.1  # of Ho & Salimans' best FID and Inception score, and what most have taken since


def usual(p_unconds: Mapping[float, str]) -> float:
    """The one that others are compared with: that nearest to USUAL."""
    return min(p_unconds, key=lambda p: abs(p - USUAL))


def beside_usual(results: Results, p_unconds: Mapping[float, str]) -> pd.DataFrame:
    """Of one world the Frechet distances of every p_uncond beside those of the usual one, each at its own best w, which is chosen
    on one half of the sampling seeds and reported on the other; Holm over the p_unconds of one feature network.

    p_unconds: the methods' names. Columns metric, p_uncond, and those of `at_own_best`. ValueError for one p_uncond, or one
    sampling seed.
    """
    if len(p_unconds) < 2:
        raise ValueError("one p_uncond was trained")
    names = {name: REFERENCE if p == usual(p_unconds) else f"{REFERENCE} ({p:g})" for p, name in p_unconds.items()}
    rows = results.sampled[(results.sampled["sampler"] == results.sampler) & (results.sampled["steps"] == results.steps)]
    rows = rows[rows["method"].isin(names)].assign(method=lambda own: own["method"].map(names))
    of = {names[name]: p for p, name in p_unconds.items()}
    frames = []
    for column in columns_of("fid", results.columns):
        found = at_own_best(rows, column, results.steps)
        frames.append(found.assign(metric=column, p_uncond=found["method"].map(of)).drop(columns=["method", "price"]))
    joined = pd.concat(frames, ignore_index=True)
    return joined[["metric", "p_uncond", *(name for name in joined if name not in ("metric", "p_uncond"))]]
