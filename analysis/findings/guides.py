"""Classifiers that guide: is the better score an attack, and does any of them lower the distance?"""

import numpy as np
import pandas as pd

from analysis.findings.words import at_the_main_sweep, drawn, interval, named, number, several
from analysis.metrics import columns_of
from analysis.results import Results
from analysis.statistics.best import best_against_plain
from analysis.statistics.guides import attack_gap
from analysis.statistics.paired import LEVEL, by_run, holm


def sentences(results: Results) -> list[str]:
    """Of one world in which classifiers guided; else nothing."""
    rows = at_the_main_sweep(results)
    guided = {label: guide for label, guide in results.world.guides.items() if label in set(rows["method"])}
    if not guided:
        return []
    found = _gap(results, rows, guided) if any(guided.values()) and results.world.evaluators else []
    return found + [
        text for column in columns_of("fid", results.columns) for text in _distance(results, rows, column, list(guided))
    ]


def _gap(results: Results, rows: pd.DataFrame, guided: dict[str, str | None]) -> list[str]:
    """The gap between what guides and what never guides think of the samples that is furthest above that of unguided samples."""
    try:
        gaps = attack_gap(rows, guided, results.world.evaluators)
    except KeyError:  # not every classifier was asked
        return []
    gaps = gaps[gaps["w"] != 0].dropna(subset=["gap"])
    if gaps.empty:
        return []
    above = gaps.assign(above=(gaps["gap"] - gaps["baseline"].fillna(0.0)))
    top = above.loc[above["above"].idxmax()]
    spread = f" ± {number(top['gap_sd'])} (one standard deviation)" if top["gap_sd"] == top["gap_sd"] else " (1 run: no spread)"
    beside = f", beside {number(top['baseline'])} on unguided samples" if top["baseline"] == top["baseline"] else ""
    return [
        f"The gap between accuracy under the guide and under evaluators that never guide that is furthest above that of unguided "
        f"samples is {number(top['gap'])}{spread}{beside}: {top['guided']} at w = {top['w']:g}, of "
        f"{several(gaps['guided'].nunique(), 'guides')} ({drawn(results)})."
    ]


def _distance(results: Results, rows: pd.DataFrame, column: str, labels: list[str]) -> list[str]:
    """How many guides lower the distance beyond the noise, at a w chosen on the other seeds."""
    own = rows[rows["method"].isin(labels)]
    told = best_against_plain(own, column)
    if told.empty:
        means = {label: by_run(own, column, label).mean() for label in labels}
        means = {label: curve for label, curve in means.items() if curve.notna().any()}
        if not means:
            return []
        best = min(means, key=lambda label: means[label].min())
        w = means[best].idxmin()
        zero = f", {number(means[best][0.0])} at w = 0" if 0.0 in means[best] else ""
        lowest = f"{number(means[best][w])} at w = {w:g}{zero}"
        return [f"The {named(column)} is lowest by {best}, {lowest} ({drawn(results)}: no interval)."]
    moved = told[told["w"] != 0]
    certain = moved[np.array([p < LEVEL for p in holm(moved["p"].tolist())], dtype=bool)]
    lower = certain[certain["difference"] < 0]
    best = ""
    if len(lower):
        top = lower.loc[lower["difference"].idxmin()]
        best = (
            f", most {top['method']} (by {number(-top['difference'])} at w = {top['w']:g}, {interval(top['low'], top['high'])})"
        )
    units, still = several(int(told["units"].max()), told["over"].iloc[0]), len(told) - len(moved)
    ties = len(moved) - len(certain)
    higher = len(certain) - len(lower)
    counted = [(still, "with w = 0 chosen"), (ties, f"not told apart from it over {units}"), (higher, "higher")]
    others = ", ".join(f"{count} {words}" for count, words in counted if count)
    return [
        f"The {named(column)} is lower than at w = 0 with {len(lower)} of {several(len(told), 'guides')}{best}"
        f"{f'; {others}' if others else ''} ({drawn(results)}; w chosen on one half of the sampling seeds; after Holm)."
    ]
