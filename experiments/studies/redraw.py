"""A committed result drawn again by today's analysis: its numbers stay, sentences, figures and page are told anew."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.graph.files import disk_problems, put, read_object, sha256, write_json
from experiments.graph.provenance import provenance, revision
from experiments.graph.task import Task
from experiments.problems import Problem
from experiments.studies.decode import read_study
from experiments.studies.opened import BESIDE, opened
from experiments.studies.publish import check_published, tabled
from experiments.studies.study import Report

HELD = ("config.json", "manifest.json", *(f"{name}.csv" for name in BESIDE))


def redraw(folder: Path) -> list[str]:
    """Draws the page, the figures and the tables of a committed result again, whole or not at all; returns figures that are lost.

    What the tables do not hold is taken over from the page that is there: pictures of samples, what the networks reach, the data
    card. provenance.json says under "redrawn" by which commit. Problem for a folder that `verify` refuses, or a checkout with
    changes.
    """
    check_published(folder)
    by = revision()
    if by is None or by.endswith("+"):
        raise Problem("this code is no commit: commit it first, then draw again, so that the page names what drew it")
    with disk_problems(folder), TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        copy = Path(scratch) / folder.name
        copy.mkdir()
        _draw(folder, copy, by)
        lost = sorted(
            {path.name for path in (folder / "figures").glob("*")} - {path.name for path in (copy / "figures").glob("*")}
        )
        _sealed(folder, copy, by)
        put(copy, folder)
    return lost


def _draw(folder: Path, copy: Path, by: str) -> None:
    from analysis.files import write_atomically
    from analysis.reports import REPORTS, kept

    results, kind = opened(folder)
    for name in HELD:
        if (folder / name).is_file():
            shutil.copy(folder / name, copy / name)
    with kept.figures_of(folder / "figures"):
        report = REPORTS[kind](results)
    page = (folder / "report.html").read_text(encoding="utf-8")
    replace(report, sections=kept.with_sections(report.sections, page, by)).write(copy)
    write_atomically(copy / "summary.txt", report.summary_text.encode())


def _sealed(folder: Path, copy: Path, by: str) -> None:
    """The manifest of the files that are there now, with the code that drew them."""
    from analysis.table import parquet_bytes, read_table

    record, manifest = read_object(folder / "provenance.json"), read_object(folder / "manifest.json")
    write_json(copy / "provenance.json", record | {"redrawn": {"finished": provenance("cpu")["finished"], "revision": by}})
    files = {path.relative_to(copy).as_posix(): sha256(path) for path in sorted(copy.rglob("*")) if path.is_file()}
    del files["manifest.json"]
    report: Task = Report(study=read_study(folder, renamed=True))
    write_json(copy / "manifest.json", manifest | {"files": files, "code": dict(report.code)})
    tabled(copy, parquet_bytes(read_table(folder / "table.csv")))
