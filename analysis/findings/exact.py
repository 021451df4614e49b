"""In worlds that are known exactly: how far samples are from what guidance is said to sample, and whose doing that is."""

import pandas as pd

from analysis.figures.exact import EXACT
from analysis.findings.words import at_the_main_sweep, drawn, guided, interval, named, number, several
from analysis.metrics import metric
from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import by_run, difference
from analysis.table import FLOOR, REAL

UP_TO = 4.0
NETWORKS = "Trained networks instead of the exact denoiser"


def sentences(results: Results) -> list[str]:
    """Of one exact world; else nothing."""
    rows = at_the_main_sweep(results)
    if not results.world.exact or rows.empty:
        return []
    methods = list(dict.fromkeys(rows["method"]))
    names = [name for name in (REFERENCE + EXACT, REFERENCE) if name in methods] or methods[:1]
    column = next((name for name in ("kl_tilted", "frechet_exact") if name in results.columns), None)
    if column is None:
        return []
    found = [text for name in names[:1] for text in _distance(results, rows, column, name)]
    if len(names) > 1:
        found += _share(results, rows, column)
    return found


def _distance(results: Results, rows: pd.DataFrame, column: str, method: str) -> list[str]:
    """At w = 0 and at the largest w up to 4, beside as many exact draws."""
    curve = by_run(rows, column, method).dropna(axis=1)
    ws = [w for w in curve if abs(w) <= UP_TO]
    if not ws:
        return []
    shown = sorted({min(ws, key=abs), max(ws, key=abs)})
    parts = [f"{_mean(curve[w], metric(column).unit)} at w = {w:g}{_floor(results, column, w)}" for w in shown]
    return [f"{guided(method)} the {named(column)} is {' and '.join(parts)} ({drawn(results)})."]


def _mean(values: pd.Series, unit: str) -> str:
    mean = difference(values)
    ends = (
        f" ({interval(mean.low, mean.high)} over {several(mean.units, mean.over)})" if mean.units > 1 else " (1 run: no interval)"
    )
    return f"{number(mean.mean)} {unit}".strip() + ends


def _floor(results: Results, column: str, w: float) -> str:
    """What as many exact draws of the claimed density read."""
    rows = results.read[(results.read["metric"] == column) & (results.read["n"] == results.n[results.world.name])]
    own = rows[(rows["method"] == FLOOR) & (rows["w"] == w)]
    own = own if len(own) or w != 0 else rows[rows["method"] == REAL]
    return f", exact draws {number(own['value'].mean())}" if own["value"].notna().any() else ""


def _share(results: Results, rows: pd.DataFrame, column: str) -> list[str]:
    """The same with trained networks: what is added is their doing."""
    exact, trained = (by_run(rows, column, name).dropna(axis=1) for name in (REFERENCE + EXACT, REFERENCE))
    ws = [w for w in trained if w in exact and abs(w) <= UP_TO]
    if not ws:
        return []
    w = max(ws, key=abs)
    by_seed = exact[w].groupby(level="seed").mean()
    gap = trained[w] - by_seed.reindex(trained.index.get_level_values("seed")).to_numpy()
    if gap.isna().all():
        return []
    told = difference(gap)
    ends = f"{interval(told.low, told.high)} over {several(told.units, told.over)}" if told.units > 1 else "1 run: no interval"
    word = "add" if told.mean > 0 else "take away"
    if told.units > 1 and not told.apart:
        return [f"{NETWORKS} move it by {number(told.mean)} at w = {w:g}: inside the noise ({ends})."]
    return [f"{NETWORKS} {word} {number(abs(told.mean))} at w = {w:g} ({ends} of the change)."]
