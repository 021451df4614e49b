"""How many methods are plain guidance with another w, what its quality costs at least, and what the fronts say."""

from typing import Any

import pandas as pd

from analysis.comparisons import comparisons
from analysis.findings.words import another_network, by_measures, drawn, interval, named, number, several, whole_trainings
from analysis.metrics import Comparison, metric
from analysis.results import Results
from analysis.statistics.claims import SAME, claim
from analysis.statistics.compare import REFERENCE
from analysis.statistics.pareto import areas
from analysis.statistics.verdicts import VERDICTS, verdicts

FEW = 5  # methods whose verdicts are said one by one
NAMED = 6  # methods on which two networks disagree that are named
ENOUGH = 3  # sampling seeds, below which nothing can be told of the given networks
ELSEWHERE = {VERDICTS["another w"]: SAME, VERDICTS["no effect"]: f"{SAME} at w = 0"}  # said of methods on other networks


def sentences(results: Results) -> list[str]:
    """Of one world with plain guidance, another method and a second run; else nothing. By the world's own features, and of other
    feature networks whether they say the same.
    """
    rows = whole_trainings(results)
    if REFERENCE not in set(rows["method"]) or rows["method"].nunique() < 2:
        return []
    try:
        (quality, diversity, alike), *others = every = comparisons(results.columns)
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
    texts = [f"{text} ({drawn(results)}; by {by_measures(alike)})." for text in dict.fromkeys(found) if text]
    if not texts:
        return []
    texts += [text for other in others for text in _elsewhere(rows, compared[0], other)]
    return texts + [text for one in every for text in _front(results, rows, one.quality, one.diversity)]


def _elsewhere(rows: pd.DataFrame, compared: pd.DataFrame, other: Comparison) -> list[str]:
    """How many methods have the same verdict by the features of another network; nothing where it cannot say."""
    try:
        told = verdicts(rows, other.alike, other.quality, other.diversity)
    except ValueError:
        return []
    short = {words: word for word, words in VERDICTS.items()}
    pairs = list(zip(told["method"], compared["verdict"].map(short), told["verdict"].map(short)))
    apart = [f"{name} ({second} instead of {first})" for name, first, second in pairs if first != second]
    same = f"{len(pairs) - len(apart)} of {several(len(pairs), 'methods')}" if len(pairs) > 1 else "1 method"
    if len(apart) == len(pairs) == 1:
        same = "no method"
    but = f"; not {', '.join(apart)}" if 0 < len(apart) <= NAMED else ""
    return [f"By {metric(other.quality).of} features {same} {_have(1 if len(pairs) == 1 else 2)} the same verdict{but}."]


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
    words = [f"{one.method}: {verdict.get(one.verdict, one.verdict)}{_where(one)}" for one in compared.itertuples(index=False)]
    units = several(int(known["units"].min()), known["over"].iloc[0])
    return f"{begin} {REFERENCE} guidance at its nearest w, {'; '.join(words)}; {units}, after Holm"


def _where(one: Any) -> str:
    """At how many strengths it is better or worse, and at how many there is no plain guidance to compare with, if not at all."""
    count = len(one.w.split(", "))
    strengths, told = several(count, "strengths"), []
    better, worse = one.better if one.better < count else 0, one.worse if one.worse < count else 0
    told += [f"{word} at {times} of its {strengths}" for times, word in ((better, "better"), (worse, "worse")) if times]
    if one.outside:
        told.append(
            f"at {one.outside} of its {strengths} less or more diverse than plain guidance at any w before its diversity turns"
        )
    return f" ({'; '.join(told)})" if told else ""


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
        beside = f"{number(top['area'])} beside {number(top['reference'])}"
        best = f", most {top['method']} ({beside}: {number(top['difference'])}, {interval(top['low'], top['high'])})"
    counted = [
        (len(ahead), f"{_have(len(ahead))} a larger one, which is better{best}"),
        (len(behind), f"{_have(len(behind))} a smaller one"),
        (alike, "are equivalent" if alike != 1 else "is equivalent"),
        (open_, "are undecided" if open_ != 1 else "is undecided"),
    ]
    units = several(int(own["units"]), own["over"])
    return [
        f"The area under the front of {named(quality)} against {named(diversity)} is {number(own['area'])} for {REFERENCE} "
        f"guidance, in units of that of w = 0; of {several(len(others), 'other methods')}, each beside plain guidance at as many "
        f"strengths, {', '.join(f'{count} {words}' for count, words in counted if count)} ({units}, after Holm)."
    ]


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
