"""Figures and tables of a study as files for a paper: figures as PDF, SVG or PNG, tables as CSV, parquet or LaTeX.

from analysis.export import export_figures, export_tables
results = run_study(STUDIES["digits"]["quick"])
export_figures(results, "paper/figures", "pdf")
export_tables(results, "paper/tables", "latex")
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.figures.style import FORMATS, rendered
from analysis.files import write_atomically
from analysis.latex import latex
from analysis.reports import REPORTS
from analysis.reports.common import main_table
from analysis.reports.parts import Table
from analysis.reports.report import Report, file_names
from analysis.results import Results
from analysis.table import parquet_bytes

TABLES = {"csv": ".csv", "parquet": ".parquet", "latex": ".tex"}
LONGEST = 200  # rows of a table that is still printed


def export_figures(results: Results, folder: str | Path, kind: str = "pdf", report: str = "trade-off") -> list[Path]:
    """Every figure of a study's report as a file of `kind`, pdf, svg or png, in `folder`; returns the paths.

    report: which of analysis.reports.REPORTS draws the study. The bytes depend on the results alone. ValueError for another
    kind or report, before any work.
    """
    if kind not in FORMATS:
        raise ValueError(f"no figure is saved as {kind!r}: choose of {', '.join(FORMATS)}")
    made = _report(results, report)
    pictures = [picture for section in made.sections for picture in section.figures]
    names = file_names([picture.name for picture in pictures])
    return [
        write_atomically(Path(folder) / f"{name}.{kind}", rendered(picture.figure, kind))
        for name, picture in zip(names, pictures)
    ]


def export_tables(results: Results, folder: str | Path, kind: str = "csv", report: str = "trade-off") -> list[Path]:
    """The tables of a study as files in `folder`; returns the paths.

    kind: csv or parquet, every table of the report, numbers as they are; or latex, the main table of each world (mean ± standard
    deviation, with arrows for better) and the smaller ones that are made of it, as booktabs tables of which each is one
    \\input. ValueError for another kind or report, and where parquet lacks its package, before any work.
    """
    if kind not in TABLES:
        raise ValueError(f"no table is saved as {kind!r}: choose of {', '.join(TABLES)}")
    if kind == "parquet":
        parquet_bytes(pd.DataFrame({"value": [0.0]}))
    made = _report(results, report)
    contents = _latex(results, made) if kind == "latex" else _plain(made, kind)
    return _written(folder, [(f"{name}{TABLES[kind]}", content) for name, content in contents])


def _written(folder: str | Path, files: list[tuple[str, bytes]]) -> list[Path]:
    return [write_atomically(Path(folder) / name, content) for name, content in files]


def _report(results: Results, report: str) -> Report:
    if report not in REPORTS:
        raise ValueError(f"there is no report {report!r}: choose of {', '.join(REPORTS)}")
    return REPORTS[report](results)


def _plain(made: Report, kind: str) -> Iterator[tuple[str, bytes]]:
    for name, frame in made.tables.items():
        yield name, parquet_bytes(frame) if kind == "parquet" else frame.to_csv(index=False).encode()


def _latex(results: Results, made: Report) -> Iterator[tuple[str, bytes]]:
    for part in (results.of(world) for world in results.worlds):
        main = main_table(part, report=False)
        if isinstance(main, Table):
            caption = f"{part.world.name}: {main.caption}"
            yield f"main_{part.world.name}", latex(main.frame, caption, f"main-{part.world.name}").encode()
    for name, frame in made.tables.items():
        if name not in ("table", "summary") and len(frame) <= LONGEST:
            yield name, latex(frame, f"{results.title}: {name}.", name).encode()
