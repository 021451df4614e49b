"""`guidance-bench figures` and `tables`: a finished study's figures and tables as files for a paper."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.problems import Problem

Run = Annotated[Path, typer.Argument(help="The folder of a study's run, or a committed result, as docs/results/digits-full-cpu.")]
Out = Annotated[Path, typer.Argument(help="The folder to fill.")]
Force = Annotated[bool, typer.Option("--force", help="Fill a folder that has files already; those of equal names are replaced.")]


def figures(
    run: Run,
    out: Out,
    kind: Annotated[str, typer.Option("--format", help="pdf, svg or png.")] = "pdf",
    force: Force = False,
) -> None:
    """Write every figure of a study as a file: PDF with its fonts embedded, SVG with letters as outlines, or PNG."""
    from analysis.figures.style import FORMATS

    _one_of(kind, FORMATS)
    written, results = _export(run, out, force, lambda analysis, *study: analysis.export_figures(study[0], out, kind, study[1]))
    if not any(cell.sha256 for cell in results.cells) and (lacking := _lacking(run, written)):
        typer.echo(f"left out: {', '.join(lacking)}: they show samples, which {run} has none of: see its figures/*.png")


def tables(
    run: Run,
    out: Out,
    kind: Annotated[str, typer.Option("--format", help="csv, parquet or latex (booktabs).")] = "csv",
    force: Force = False,
) -> None:
    """Write the tables of a study as files: whole as CSV or parquet; as LaTeX the main ones, mean ± standard deviation."""
    from analysis.export import TABLES

    _one_of(kind, tuple(TABLES))
    _export(run, out, force, lambda analysis, results, report: analysis.export_tables(results, out, kind, report))


def _one_of(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise Problem(f"--format {kind}: choose of {', '.join(kinds)}")


def _lacking(run: Path, written: list[Path]) -> list[str]:
    """The figures of the run's own folder that are not among those written."""
    return sorted({path.stem for path in (run / "figures").glob("*.png")} - {path.stem for path in written})


def _export(run: Path, out: Path, force: bool, write: Callable[[Any, Any, str], list[Path]]) -> tuple[list[Path], Any]:
    """Returns the files and the study's results."""
    from analysis import export
    from experiments.graph.files import disk_problems
    from experiments.studies.opened import opened

    if out.exists() and not out.is_dir():
        raise Problem(f"{out} is a file: name the folder to fill")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise Problem(f"{out} has files already: give another name, or --force to write into it")
    results, report = opened(run)
    try:
        with disk_problems(out, "give another name"):
            written = write(export, results, report)
    except ValueError as error:
        raise Problem(str(error)) from error
    typer.echo(f"{len(written)} file{'s' if len(written) != 1 else ''} in {out}")
    return written, results
