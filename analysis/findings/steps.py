"""What students of few steps reach: each beside plain guidance at the same w, in as many steps and in those of the main sweep."""

from typing import Any

import pandas as pd

from analysis.findings.words import drawn, interval, named, number, several
from analysis.metrics import columns_of
from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.statistics.fewer_steps import fewer_steps, of_other_steps

WORDS = {"better": "lower than", "worse": "higher than", "equivalent": "equivalent to", "undecided": "undecided beside"}


def sentences(results: Results) -> list[str]:
    """One for each method that was not sampled at the main sweep's number of steps; none where there is no such method."""
    rows = results.sampled[results.sampled["sampler"] == results.sampler]
    rows = rows[rows["n"] == results.n[results.world.name]]
    columns = columns_of("fid", results.columns)
    if not columns or not of_other_steps(rows, results.steps):
        return []
    try:
        told = fewer_steps(rows, columns[0], results.steps)
    except ValueError:  # no curve of plain guidance, or one run: nothing is tested
        return []
    judged = told[told["verdict"] != ""].groupby("method", sort=False)
    return [_of_method(results, columns[0], name, own) for name, own in judged]


def _of_method(results: Results, column: str, name: Any, told: pd.DataFrame) -> str:
    first, parts = told.iloc[0], []
    for w, own in told.groupby("w"):
        beside = [_beside(one) for one in own.sort_values("reference_steps").itertuples()]
        parts.append(f"{number(own['value'].iloc[0])} at w = {w:g}, {' and '.join(beside)}")
    return (
        f"With {name}, {first['evaluations']:.0f} evaluations a sample, the {named(column)} is {'; '.join(parts)} "
        f"({drawn(results)}; at the same w and noise, over {several(first['units'], first['over'])}; equivalent: shown to be "
        f"within {number(first['margin'])}; after Holm)."
    )


def _beside(one: Any) -> str:
    calls = f"{one.reference_evaluations:.0f} evaluations"
    ends = f"difference {number(one.difference)}, {interval(one.low, one.high)}"
    return f"{WORDS[one.verdict]} {number(one.reference)} of {REFERENCE} in {one.reference_steps} steps ({calls}; {ends})"
