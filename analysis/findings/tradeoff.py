"""What guidance does to samples of images: how far the distance falls and at which w, at what price, and who is ahead."""

import pandas as pd

from analysis.figures.training import whole
from analysis.findings.words import another_network, at_the_main_sweep, drawn, guided, interval, named, number, several
from analysis.metrics import columns_of, metric
from analysis.results import Results
from analysis.statistics.best import best_against_plain
from analysis.statistics.compare import REFERENCE
from analysis.statistics.matched import NO_GUIDANCE, at_own_best
from analysis.statistics.paired import best_w, by_run, difference
from analysis.table import in_brackets

FEW = 6  # methods that are named one by one
PRICES = ("diversity", "recall")  # what is given for a smaller distance


def sentences(results: Results) -> list[str]:
    """Of one world: how the distance moves with w, its price, the methods at their own best w, and whether features agree."""
    rows = at_the_main_sweep(results)
    rows = rows[rows["method"].map(whole)]
    columns = columns_of("fid", results.columns) or columns_of("fid_pixels", results.columns)
    methods = list(dict.fromkeys(rows["method"]))
    if not columns or not methods:
        return []
    first = REFERENCE if REFERENCE in methods else methods[0]
    found = [_falls(results, rows, column, first) for column in columns]
    found += _price(results, rows, columns[0], first)
    if first == REFERENCE:
        found += [text for column in columns for text in _beside(rows, column, len(methods) - 1)]
    if len(columns) > 1 and len(methods) > 1:
        found.append(_agree(rows, columns))
    return [text for text in found if text]


def _falls(results: Results, rows: pd.DataFrame, column: str, method: str) -> str:
    """From w = 0 to the w at which it is smallest."""
    curve = by_run(rows, column, method).dropna(axis=1)
    what = f"{guided(method)} the {named(column)}"
    if 0.0 not in curve or curve.shape[1] < 2:
        return ""
    least = f"Of all w of {method} guidance the {named(column)} is smallest at w = 0, without guidance"
    means = curve.groupby(level="train_seed").mean().mean()
    if curve.index.get_level_values("seed").nunique() < 2:
        w = float(means.idxmin())
        runs = several(len(curve), "runs")
        why = f"{runs}: no interval" if len(curve) == 1 else f"{runs}, by which w was chosen too: no interval"
        if w == 0:
            return f"{least}: {number(means[0.0])} ({_n(results)}, {why})."
        ends = f"from {number(means[0.0])} at w = 0 to {number(means[w])} at w = {w:g}"
        return f"{what} falls {ends} ({_n(results)}, {why})."
    told = next(best_against_plain(rows[rows["method"] == method], column).itertuples(index=False), None)
    if told is None:  # samples at w = 0 collapsed in some run
        return ""
    chosen = "w chosen on one half of the sampling seeds, reported on the other"
    if told.w == 0:
        return f"{least}: {number(told.plain)} ({drawn(results)}; {chosen})."
    ends = f"difference {number(told.difference)}, {interval(told.low, told.high)} over {several(told.units, told.over)}"
    if told.units > 1 and not told.low <= 0 <= told.high:
        falls = "falls" if told.difference < 0 else "rises, though it fell on the seeds that chose w,"
        return (
            f"{what} {falls} from {number(told.plain)} at w = 0 to {number(told.value)} at w = {told.w:g} ({ends}; "
            f"{drawn(results)}; {chosen})."
        )
    if told.units < 2:
        return (
            f"{what} is {number(told.plain)} at w = 0 and {number(told.value)} at w = {told.w:g} ({drawn(results)}; "
            f"{chosen}, on one run: no interval)."
        )
    return (
        f"{what} ties at w = 0 ({number(told.plain)}) and at w = {told.w:g} ({number(told.value)}): {ends}; a "
        f"difference below {number(told.detectable)} would go unseen ({drawn(results)}; {chosen})."
    )


def _price(results: Results, rows: pd.DataFrame, column: str, method: str) -> list[str]:
    """Diversity and the like from w = 0 to the largest w up to 4, where no w was chosen."""
    features = metric(column).of
    names = [name for kind in PRICES for name in columns_of(kind, results.columns) if metric(name).of == features]
    found = []
    for name in names:
        curve = by_run(rows, name, method).dropna(axis=1)
        ws = [w for w in curve if 0 < w <= 4]
        if 0.0 in curve and ws:
            gap = difference(curve[max(ws)] - curve[0.0])
            moves = "falls" if gap.mean < 0 else "rises"
            word = moves if gap.units < 2 or gap.apart else "does not measurably move"
            ends = f"; {interval(gap.low, gap.high)} of the change over {several(gap.units, gap.over)}" if gap.units > 1 else ""
            means = curve.groupby(level="train_seed").mean().mean()
            at = f"from {number(means[0.0])} at w = 0 to {number(means[max(ws)])} at w = {max(ws):g}"
            found.append(f"the {named(name)} {word} {at}{ends}")
    return [f"{guided(method)} {'; '.join(found)} ({_n(results)})."] if found else []


def _beside(rows: pd.DataFrame, column: str, others: int) -> list[str]:
    """Methods beside plain guidance, each at its own best w."""
    try:
        told = at_own_best(rows, column, int(rows["steps"].iloc[0])) if others else pd.DataFrame()
    except ValueError:  # one seed: nothing is left to report a choice on
        return []
    if told.empty or told["units"].max() < 2:
        return []
    idle = told[told["verdict"] == NO_GUIDANCE]
    parts, words = [], {"better": "lower", "worse": "higher", "equivalent": "equivalent", "undecided": "undecided"}
    for verdict, word in words.items():
        own = told[told["verdict"] == verdict]
        if len(own) == 0:
            continue
        if len(own) > FEW:
            parts.append(f"{len(own)} of {len(told)} methods are {word}")
        else:
            gaps = [
                f"{one.method} ({number(one.difference)}, {interval(one.low, one.high)})" for one in own.itertuples(index=False)
            ]
            parts.append(f"{word}: {', '.join(gaps)}")
    if len(idle):
        parts.append(f"best without guidance, at w = 0, as it: {', '.join(idle['method'])}")
    open_ = told[told["verdict"] == "undecided"]
    unseen = f"; of undecided ones a difference below {number(open_['detectable'].median())} would go unseen"
    missed = unseen if len(open_) else ""
    margin, units = number(told["margin"].iloc[0]), several(int(told["units"].min()), told["over"].iloc[0])
    tested = len(told) - len(idle)
    corrected = f"; equivalent: shown to be within {margin}; after Holm over {several(tested, 'methods')}" if tested else ""
    return [
        f"In {named(column)}, each method at its own best w beside {REFERENCE} guidance at its own: {'; '.join(parts)} "
        f"({units}{corrected}{missed})."
    ]


def _agree(rows: pd.DataFrame, columns: list[str]) -> str:
    """Whether feature networks have the same method lowest, each at its own best w, without guidance among its ws."""
    plain = {column: by_run(rows, column, REFERENCE) for column in columns}
    told = []
    for column in columns:
        bests = {}
        for method in dict.fromkeys(rows["method"]):
            curve = by_run(rows, column, method).dropna(axis=1)
            if curve.empty:
                continue
            if 0.0 not in curve and 0.0 in plain[column] and not in_brackets(method):
                curve = curve.join(plain[column][[0.0]]).dropna(axis=1)
            try:
                bests[method] = best_w(curve)
            except ValueError:
                means = curve.groupby(level="train_seed").mean().mean()
                bests[method] = float(means.idxmin()), curve[means.idxmin()]
        told.append(bests)
    lowest = [min(bests, key=lambda method: bests[method][1].mean()) for bests in told]
    ways = [  # at w = 0 all methods of a network are one model
        method if bests[method][0] else f"w = 0, no guidance{another_network(rows, column, method)}"
        for column, method, bests in zip(columns, lowest, told)
    ]
    words = ", ".join(
        f"{metric(column).of or 'pixels'}: {way}{f' at w = {w:g}' if (w := bests[method][0]) else ''}"
        for column, method, bests, way in zip(columns, lowest, told, ways)
    )
    same = "have the same method lowest" if len(set(ways)) == 1 else "disagree about the lowest"
    return f"The {len(columns)} feature networks {same} ({words}; means, whose differences may lie inside the noise)."


def _n(results: Results) -> str:
    return f"n = {results.n[results.world.name]:,}"
