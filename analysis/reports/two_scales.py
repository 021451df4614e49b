"""The section on methods with two scales, of the class and of a second label: what each pair of scales reads."""

import pandas as pd

from analysis.figures.two_scales import heat_maps
from analysis.findings.words import at_the_main_sweep, drawn
from analysis.headline import decimals, plus_minus
from analysis.metrics import metric
from analysis.reports.html import Section
from analysis.reports.parts import capital, picture, section, table
from analysis.results import Results
from analysis.statistics.two_scales import SCALES, SECOND, grids, means, measures

TEXT = """\
A method with two scales has one for the class, 1 + fine w, and one for a second label, 1 + coarse w. 1 and 1 is the model without
guidance; equal scales are classifier-free guidance. Rows are class scales, columns second scales."""
PAIRS = " A class is a pair of both labels here: accuracy asks for the pair."


def two_scales(results: Results) -> list[Section]:
    """Of one world; no section where no method has two scales, or where there is one curve of them."""
    found = grids(at_the_main_sweep(results), results.tables.get("scales"))
    if not found:
        return []
    at, parts, tables = f"{results.sampler} sampler, T = {results.steps}, {drawn(results)}", [], []
    for words, grid in found.items():
        columns = measures(list(dict.fromkeys(grid.loc[grid["value"].notna(), "metric"])))
        text = f"Heat maps over class scale and second scale{words}"
        caption = f"Means; darker is better, or more where neither is; {at}."
        name = "two_scales" + words.replace(" (", "_").replace(")", "").replace(" ", "_")
        parts.append(picture(name, text, caption, heat_maps, grid, columns, at))
        tables += [table(f"{capital(metric(column).label)}{words}; {at}.", _pivot, grid, column) for column in columns]
    return [section("Two scales", TEXT + (PAIRS if SECOND in results.columns else ""), *parts, *tables)]


def grid_of_all(results: Results) -> dict[str, pd.DataFrame]:
    """The table "two_scales" of a report whose methods have a grid: mean and sd of every metric at each pair of scales."""
    rows = []
    for name in results.worlds:
        own = results.of(name)
        for words, grid in grids(at_the_main_sweep(own), own.tables.get("scales")).items():
            for column in dict.fromkeys(grid.loc[grid["value"].notna(), "metric"]):
                cells = means(grid, column).reset_index()
                rows.append(cells.assign(world=name, network=words.strip(" ()"), metric=column))
    columns = ["world", "network", "metric", *SCALES, "value", "sd"]
    return {"two_scales": pd.concat(rows)[columns]} if rows else {}


def _pivot(grid: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows class scales, columns second scales, cells "mean ± sd"."""
    return crossed(means(grid, column))


def crossed(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of an index SCALES with value and sd, crossed."""
    digits = decimals(cells)
    texts = [plus_minus(value, sd, digits) for value, sd in zip(cells["value"], cells["sd"])]
    wide = pd.Series(texts, cells.index).unstack(fill_value="")
    wide.index = pd.Index([f"{scale:g}" for scale in wide.index], name="class scale")
    wide.columns = pd.Index([f"second scale {scale:g}" for scale in wide.columns])
    return wide
