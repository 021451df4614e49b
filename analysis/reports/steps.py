"""The section on methods that have a number of steps of their own: quality and diversity against what a sample costs."""

import pandas as pd

from analysis.figures.steps import against_evaluations
from analysis.metrics import columns_of, metric
from analysis.reports.html import Section
from analysis.reports.parts import capital, picture, section, seeds, table
from analysis.results import Results
from analysis.statistics.fewer_steps import fewer_steps, of_other_steps

TEXT = """\
Some methods have a number of steps of their own, as students that were distilled to it. They stand beside plain guidance at the
same w and from the same noise: in as many steps, and in those of the figures above. Evaluations are counted at the networks."""
DRAWN = ("fid", "diversity", "recall")


def few_steps(results: Results) -> list[Section]:
    """Of one world; no section where every method was sampled at the number of steps of the main sweep."""
    rows = results.sampled[results.sampled["sampler"] == results.sampler]
    rows = rows[rows["n"] == results.n[results.world.name]]
    if not of_other_steps(rows, results.steps):
        return []
    columns = [found[0] for name in DRAWN if (found := columns_of(name, results.columns))]
    parts = []
    for column in columns:
        text = f"{capital(metric(column).axis)} against network evaluations, a point for each number of steps T"
        options = {"sampler": results.sampler}
        parts.append(
            picture(
                f"{column}_by_steps", text, f"{text}; {seeds(results)}.", against_evaluations, results.summary, column, **options
            )
        )
    words = "The difference of {} from plain guidance at the same w, run by run; equivalent: shown to be within the margin."
    tables = [table(words.format(column), _compared, rows, column, results.steps) for column in columns[:1]]
    return [section("Fewer steps", TEXT, *parts, *tables)]


def _compared(rows: pd.DataFrame, column: str, steps: int) -> pd.DataFrame:
    return fewer_steps(rows, column, steps).set_index(["method", "w", "reference_steps"]).round(4)
