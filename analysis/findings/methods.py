"""How many methods are plain guidance with another w, what its quality costs at least, and what the fronts say."""

from typing import Any

import pandas as pd

from analysis.figures.training import whole
from analysis.findings.exact import EXACT
from analysis.findings.words import another_network, at_the_main_sweep, drawn, interval, named, number, several
from analysis.metrics import comparison
from analysis.results import Results
from analysis.statistics.cheapest import cheapest, enough
from analysis.statistics.claims import SAME, claim
from analysis.statistics.compare import REFERENCE
from analysis.statistics.pareto import areas
from analysis.statistics.verdicts import VERDICTS, verdicts

FEW = 3  # methods that are named one by one
ENOUGH = 3  # sampling seeds, below which nothing can be told of the given networks
ELSEWHERE = {VERDICTS["another w"]: SAME, VERDICTS["no effect"]: f"{SAME} at w = 0"}  # said of methods on other networks


def sentences(results: Results) -> list[str]:
    """Of one world with plain guidance, another method and a second run; else nothing."""
    rows = _rows(results)
    if REFERENCE not in set(rows["method"]) or rows["method"].nunique() < 2:
        return []
    try:
        quality, diversity, alike = comparison(results.columns)
        trainings = len(results.train_seeds) > 1 and rows["seed"].nunique() >= ENOUGH
        compared = [verdicts(rows, alike, quality, diversity, given) for given in (False, True)[: 1 + trainings]]
    except ValueError:  # no measures to compare by, no curve, or one run: then nothing is told
        return []
    if compared[0]["verdict"].equals(compared[-1]["verdict"]):
        compared = compared[:1]  # nothing more is known of these networks than of any
    away = compared[0]["method"].map(lambda method: bool(another_network(rows, quality, method)))
    found = [
        _verdicts(frame[away == elsewhere], given, elsewhere)
        for elsewhere in (False, True)
        for frame, given in zip(compared, (False, True))
    ]
    texts = [f"{text} ({drawn(results)}; by {', '.join(alike)})." for text in dict.fromkeys(found) if text]
    return texts + _front(results, rows, quality, diversity) if texts else []


def cheapest_way(results: Results) -> list[str]:
    """The fewest evaluations for what plain guidance of one world reaches at its best w, where guidance reaches anything."""
    over_trainings = _cheapest(results, False)
    if len(results.train_seeds) < 2 or not over_trainings:
        return over_trainings
    return over_trainings + [f"Of these networks alone: {text[:1].lower()}{text[1:]}" for text in _cheapest(results, True)]


def _cheapest(results: Results, given: bool) -> list[str]:
    rows = _rows(results)
    try:
        quality = comparison(results.columns).quality
        told = cheapest(rows, quality, results.steps, given)
    except ValueError:
        return []
    (plain,) = told[told["method"] == REFERENCE].itertuples()
    if plain.w == 0:
        return []
    bar = f"of {REFERENCE} guidance at its best w ({number(plain.value)} in {named(quality)} at w = {plain.w:g}, {_times(plain)})"
    found = enough(told)
    if found.empty:
        return [f"No other method is shown to have the quality {bar}."]
    first = next(found.itertuples())
    shown = f"difference {number(first.difference)}, {interval(first.low, first.high)} over {several(first.units, first.over)}"
    return [
        f"The cheapest that is shown to have the quality {bar} is {first.method} at w = {first.w:g}, {_times(first)} "
        f"({shown}; equivalent: shown to be within {number(first.margin)})."
    ]


def _rows(results: Results) -> pd.DataFrame:
    """Of the main sweep, of whole trainings."""
    rows = at_the_main_sweep(results)
    return rows[rows["method"].map(whole) & ~rows["method"].str.endswith(EXACT)]  # of other networks, not another method


def _verdicts(compared: pd.DataFrame, given: bool, elsewhere: bool) -> str:
    """elsewhere: of methods on other networks than plain guidance's. Nothing where none was measured."""
    if compared.empty:
        return ""
    begin = "Of these networks alone, beside" if given else "Beside"
    if len(compared) > FEW:
        told = claim(compared, elsewhere).removesuffix(".")
        return f"Of these networks alone: {told[:1].lower()}{told[1:]}" if given else told
    known = compared[compared["units"] > 0]
    if known.empty:  # no cell has a value in every measure
        return ""
    verdict = ELSEWHERE if elsewhere else {}
    words = [f"{one.method}: {verdict.get(one.verdict, one.verdict)}{_outside(one)}" for one in compared.itertuples(index=False)]
    units = several(int(known["units"].min()), known["over"].iloc[0])
    return f"{begin} {REFERENCE} guidance at its nearest w, {'; '.join(words)}; {units}, after Holm"


def _outside(one: Any) -> str:
    """At how many strengths there is no plain guidance to compare with, where there are some."""
    if not one.outside:
        return ""
    strengths = several(len(one.w.split(", ")), "strengths")
    return f" (at {one.outside} of its {strengths} less or more diverse than plain guidance at any w)"


def _front(results: Results, rows: pd.DataFrame, quality: str, diversity: str) -> list[str]:
    try:
        told = areas(rows, quality, diversity, results.steps)
    except ValueError:
        return []
    own, others = told.iloc[0], told.iloc[1:]
    if own["units"] < 2 or (others["verdict"] == "undecided").all():
        return []
    ahead, behind = others[others["verdict"] == "better"], others[others["verdict"] == "worse"]
    alike, open_ = (int((others["verdict"] == word).sum()) for word in ("equivalent", "undecided"))
    best = ""
    if len(ahead):
        top = ahead.loc[ahead["difference"].idxmax()]
        best = f", most {top['method']} ({number(top['difference'])}, {interval(top['low'], top['high'])})"
    counted = [
        (len(ahead), f"{_have(len(ahead))} a larger one{best}"),
        (len(behind), f"{_have(len(behind))} a smaller one"),
        (alike, "are equivalent" if alike != 1 else "is equivalent"),
        (open_, "are undecided" if open_ != 1 else "is undecided"),
    ]
    units = several(int(own["units"]), own["over"])
    return [
        f"The area under the front of {named(quality)} against {named(diversity)} is {number(own['area'])} for {REFERENCE} "
        f"guidance, in units of that of w = 0; of {several(len(others), 'other methods')} "
        f"{', '.join(f'{count} {words}' for count, words in counted if count)} ({units}, after Holm)."
    ]


def _times(row: Any) -> str:
    clock = f" and {number(row.seconds)} times its seconds" if row.seconds == row.seconds else ""
    return f"{number(row.evaluations)} times the evaluations of the unguided model{clock}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
