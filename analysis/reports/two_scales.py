"""The section on methods with two scales: measures over the grid of the class's and the second condition's."""

from analysis.figures.two_scales import heat_maps
from analysis.metrics import columns_of, metric
from analysis.reports.html import Section
from analysis.reports.parts import capital, picture, section, seeds, table
from analysis.results import Results
from analysis.statistics.two_scales import by_scales, grid

TEXT = """\
Two conditions with a scale each: 1 is no guidance of a condition, and (1, 1) is the conditional model."""
DRAWN = ("fid", "frechet_exact", "accuracy", "second_label", "diversity")


def two_scales(results: Results) -> list[Section]:
    """Of one world; no section where no method has two scales."""
    if "scales" not in results.tables:
        return []
    columns = shown(results)
    words = "Measures over the two scales"
    maps = picture("two_scales", words, f"{words}; {seeds(results)}.", lambda: heat_maps(titled(results, columns)))
    tables = [
        table(f"{capital(metric(column).label)}, mean and standard deviation over runs.", _pivot, results, column)
        for column in columns
    ]
    return [section("Two scales", TEXT, maps, *tables)]


def shown(results: Results) -> list[str]:
    """The first column of every measure that is drawn."""
    return [found[0] for name in DRAWN if (found := columns_of(name, results.columns))]


def titled(results: Results, columns: list[str]) -> dict:
    """The grids by what stands above them."""
    return {capital(metric(column).label): grid(results, column) for column in columns}


def _pivot(results: Results, column: str):
    runs = by_scales(results, column)
    text = runs.mean().map("{:.3g}".format) + (" ± " + runs.std().map("{:.2g}".format) if len(runs) > 1 else "")
    return text.unstack("second scale").rename_axis(columns=None).add_prefix("second scale ").rename_axis("class scale")
