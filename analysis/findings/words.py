"""Numbers and differences as the sentences of a report say them."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.figures.exact import EXACT
from analysis.figures.training import whole
from analysis.metrics import metric
from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import by_run
from analysis.table import in_brackets

SHOWN = 6  # sentences that a reader sees before asking for more


def number(value: float) -> str:
    """Three significant digits, without an exponent where that is short; thousands have commas."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= 6 else f"{value:.2e}"


def interval(low: float, high: float) -> str:
    """The interval at 95 %."""
    return f"95 % interval {number(low)} to {number(high)}"


def several(count: int, what: str) -> str:
    """A count and its noun: 1 run, 3 runs."""
    return f"{count} {what if count != 1 else what.removesuffix('s')}"


def named(column: str) -> str:
    """A measure in a sentence, with the features behind it."""
    return metric(column).words


def by_measures(columns: Sequence[str]) -> str:
    """Several measures of one world, told apart by semicolons where a name has a comma; the features that are behind most of them
    are said once."""
    own = [column for column in columns if metric(column).suffix == "features"]
    if len({metric(column).of for column in own}) != 1:
        names = [named(column) for column in columns]
        return ("; " if any("," in name for name in names) else ", ").join(names)
    once = f"{', '.join(metric(column).title for column in own)} on {metric(own[0]).of} features"
    return ", ".join([once, *(named(column) for column in columns if column not in own)])


def guided(method: str) -> str:
    """How a sentence about samples of one method begins."""
    return f"With {method} guidance"


def another_network(rows: pd.DataFrame, column: str, method: str) -> str:
    """The words in brackets of a method that stands on another network than plain guidance; "" where its samples at w = 0 are
    those of plain guidance, so that the words are of its weak network alone."""
    own, plain = (by_run(rows, column, name) for name in (method, REFERENCE))
    same = 0.0 in own and 0.0 in plain and own[0.0].equals(plain[0.0])
    return "" if same else in_brackets(method)


def at_the_main_sweep(results: Results) -> pd.DataFrame:
    """The rows of one world that methods made with the main sampler, at its n: of the single runs."""
    rows = results.sampled[(results.sampled["sampler"] == results.sampler) & (results.sampled["steps"] == results.steps)]
    return rows[rows["n"] == results.n[results.world.name]]


def whole_trainings(results: Results) -> pd.DataFrame:
    """Of those the rows of whole trainings, and none of another score in the same world, which is not another method."""
    rows = at_the_main_sweep(results)
    return rows[rows["method"].map(whole) & ~rows["method"].str.endswith(EXACT)]


def drawn(results: Results) -> str:
    """n, trainings and sampling seeds: what a number rests on."""
    trainings = f"{several(len(results.train_seeds), 'trainings')}, " if results.train_seeds else ""
    return f"n = {results.n[results.world.name]:,}, {trainings}{several(len(results.sample_seeds), 'sampling seeds')}"


def first_of_each(groups: Sequence[Sequence[str]], shown: int = SHOWN) -> list[str]:
    """All sentences, the first ones of every group before the rest, so that those which are read first (shown) tell of all."""
    each = max(1, shown // max(1, len(groups)))
    return [text for own in groups for text in own[:each]] + [text for own in groups for text in own[each:]]
