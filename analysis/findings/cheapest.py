"""The fewest evaluations for what plain guidance reaches at its best w: on every feature network, or on which of them alone."""

from typing import Any

import pandas as pd

from analysis.comparisons import comparisons
from analysis.findings.words import interval, named, number, several, whole_trainings
from analysis.results import Results
from analysis.statistics.cheapest import cheapest, enough
from analysis.statistics.compare import REFERENCE
from analysis.table import in_brackets


def sentences(results: Results) -> list[str]:
    """Of one world where guidance reaches anything; and of these networks alone, where that names another method."""
    told = _told(results, False)
    if not told:
        return []
    found = [_answer(told)]
    given = _told(results, True) if len(results.train_seeds) > 1 else {}
    if given and _methods(given) != _methods(told):
        text = _answer(given)
        found.append(f"Of these networks alone: {text[:1].lower()}{text[1:]}")
    return found


def _told(results: Results, given: bool) -> dict[str, pd.DataFrame]:
    """By quality, what `cheapest` says of it, where plain guidance is best with guidance."""
    rows, told = whole_trainings(results), {}
    try:
        qualities = [one.quality for one in comparisons(results.columns)]
    except ValueError:
        return {}
    for quality in qualities:
        try:
            frame = cheapest(rows, quality, results.steps, given)
        except ValueError:  # no other method, one run, or no unguided cost
            continue
        known = not given or frame["units"].max() > 1  # one reporting sampling seed can tell nothing of the given networks
        if _plain(frame).w != 0 and known:
            told[quality] = frame
    return told


def _answer(told: dict[str, pd.DataFrame]) -> str:
    """The cheapest everywhere; else that none is, and the cheapest of each network on which there is one."""
    bars = "; ".join(f"{number(_plain(frame).value)} in {named(name)} at w = {_plain(frame).w:g}" for name, frame in told.items())
    on = f" on each of {len(told)} feature networks" if len(told) > 1 else ""
    bar = f"of {REFERENCE} guidance at its best w ({bars}; {_times(_plain(next(iter(told.values()))))}){on}"
    rows = {name: _cheaper(frame) for name, frame in told.items()}
    everywhere = _everywhere(rows)
    if everywhere:
        own = {name: next(frame.loc[[everywhere]].itertuples()) for name, frame in rows.items()}
        at = [f"{f'in {named(name)} ' if len(own) > 1 else ''}at {_shown(one)}" for name, one in own.items()]
        margins = " and ".join(number(one.margin) for one in own.values())
        return (
            f"The cheapest that is shown to have the quality {bar} is {_way(*own.values())}, {'; '.join(at)} (equivalent: shown "
            f"to be within {margins})."
        )
    some = {name: _cheapest(frame) for name, frame in rows.items() if len(frame)}
    alone = "; ".join(f"in {named(name)} {_way(one)} has it at {_shown(one)}" for name, one in some.items())
    none = f"No other method is shown to have the quality {bar} for fewer evaluations"
    return f"{none}. But {alone}." if alone else f"{none}."


def _methods(told: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    """Whom the answer names."""
    rows = {name: _cheaper(frame) for name, frame in told.items()}
    everywhere = _everywhere(rows)
    return (everywhere,) if everywhere else tuple(_cheapest(frame).method if len(frame) else "" for frame in rows.values())


def _cheaper(frame: pd.DataFrame) -> pd.DataFrame:
    """By method, those that have the quality for fewer evaluations than plain guidance itself."""
    rows = enough(frame).set_index("method", drop=False)
    return rows[rows["evaluations"] < _plain(frame).evaluations]


def _everywhere(rows: dict[str, pd.DataFrame]) -> str:
    """The method that has the quality on every network, with the fewest evaluations on the dearest of them; "" for none."""
    common = set.intersection(*(set(frame.index) for frame in rows.values()))
    dearest = pd.concat(list(rows.values())).groupby(level=0)[["evaluations", "seconds"]].max().loc[sorted(common)]
    return str(dearest.sort_values(["evaluations", "seconds"], kind="stable").index[0]) if common else ""


def _cheapest(frame: pd.DataFrame) -> Any:
    return next(frame.itertuples())


def _plain(frame: pd.DataFrame) -> Any:
    return next(frame[frame["method"] == REFERENCE].itertuples())


def _way(*rows: Any) -> str:
    """The method of the rows; at w = 0 all methods of a network are the model without guidance."""
    plain = all(row.w == 0 for row in rows) and not in_brackets(rows[0].method)
    return "no guidance" if plain else rows[0].method


def _shown(row: Any) -> str:
    units = several(row.units, row.over)
    return f"w = {row.w:g}, {_times(row)} (difference {number(row.difference)}, {interval(row.low, row.high)} over {units})"


def _times(row: Any) -> str:
    clock = f" and {number(row.seconds)} times its seconds" if row.seconds == row.seconds else ""
    return f"{number(row.evaluations)} times the evaluations of the unguided model{clock}"
