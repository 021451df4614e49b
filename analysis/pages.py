"""Tables and numbers of the pages, out of committed results: `make pages` writes them again, and a test says if they are current.

A page marks a table by two comments, the first of which says what it is made of; a number in a sentence, a paired difference with
its interval, and the sentences that a study's report begins with, likewise:

    <!-- table headline fashion-full-cpu sampler="dpm-solver++ on logsnr" steps=10 n=1000 metrics=fid_fashion,is_fashion -->
    ...
    <!-- end -->
    FID is <!-- value fashion-full-cpu fid_fashion classifier-free 1 -->1.33 ± 0.07<!-- end --> at w = 1
    which is <!-- gap fashion-full-cpu fid_fashion classifier-free 1 classifier-free 0 -->...<!-- end --> from w = 0
    <!-- found fashion-full-cpu -->...<!-- end -->

Kinds of tables: analysis.page_tables. Folders are those of docs/results.
"""

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from analysis.findings.words import SHOWN
from analysis.page_tables import TABLES, summary_of
from analysis.table import read_table

_MARKED = re.compile(r"<!-- (table|value|gap|found) (.+?) -->(.*?)<!-- end -->", re.DOTALL)
_OPTION = re.compile(r"[^=(]+=")  # no method's name with its hyper-parameters in brackets


def filled(page: str, results: Path) -> str:
    """The page with every table and number made from the folders in `results`. ValueError naming what cannot be made."""

    def made(found: re.Match) -> str:
        kind, given, _ = found.groups()
        try:
            words = shlex.split(given)
            options = dict(word.split("=", 1) for word in words if _OPTION.match(word))
            named = [word for word in words if not _OPTION.match(word)]
            text = KINDS[kind](results, *named, **options)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise ValueError(f"<!-- {kind} {given} -->: {error}") from error
        return f"<!-- {kind} {given} -->{text}<!-- end -->"

    return _MARKED.sub(made, page)


def of_table(results: Path, kind: str, folder: str, **options: str) -> str:
    """A table of one of the kinds in TABLES."""
    return f"\n\n{TABLES[kind](results / folder, **options)}\n"


def of_value(
    results: Path, folder: str, metric: str, method: str, w: str = "", digits: str = "2", sd: str = "yes", **where: str
) -> str:
    """One number: the mean over runs, ± the standard deviation unless sd=no. where: columns of the summary, as steps=16; of
    several n the largest.
    """
    cells = summary_of(results / folder)
    for column, wanted in {"metric": metric, "method": method, **where}.items():
        cells = cells[cells[column].map(str) == wanted]
    cells = cells[cells["w"] == float(w)] if w else cells
    cells = cells[cells["n"] == cells["n"].max()]
    if len(cells) != 1:
        raise ValueError(f"{len(cells)} rows fit: say of which sampler, steps and world")
    row = cells.iloc[0]
    return f"{row['value']:.{digits}f}" + (f" ± {row['sd']:.{digits}f}" if sd == "yes" and row["sd"] == row["sd"] else "")


def of_gap(
    results: Path,
    folder: str,
    metric: str,
    method: str,
    w: str,
    other: str,
    other_w: str,
    digits: str = "2",
    other_steps: str = "",
    **where: str,
) -> str:
    """`metric` of method at w minus that of the other at its w, paired by run, with its interval and what it is over.

    other_steps: the number of levels of the other, where it is not the method's.
    """
    from analysis.statistics.paired import by_run, difference

    table = read_table(results / folder / "table.csv")

    def values(name: str, w: str, **where: str) -> pd.Series:
        rows = table
        for column, wanted in {"metric": metric, **where}.items():
            rows = rows[rows[column].map(str) == wanted]
        return by_run(rows[rows["n"] == rows["n"].max()], metric, name)[float(w)]

    elsewhere = {**where, "steps": other_steps} if other_steps else where
    gap = difference(values(method, w, **where) - values(other, other_w, **elsewhere))
    ends = f"95 % interval {gap.low:.{digits}f} to {gap.high:.{digits}f} over {gap.units} {gap.over}"
    return f"{gap.mean:+.{digits}f} ({ends if gap.units > 1 else 'one run'})"


def of_found(results: Path, folder: str) -> str:
    """The sentences that the report of a study begins with, as a list, and where the others are."""
    sentences = (results / folder / "summary.txt").read_text().split("\n\n")[0].splitlines()
    lines = [f"> - {sentence}" for sentence in sentences[:SHOWN]]
    if len(sentences) > SHOWN:
        lines += [">", f"> {len(sentences) - SHOWN} more in [summary.txt]({folder}/summary.txt) and in the report."]
    return "\n\n" + "\n".join(["> **What was found**", ">", *lines]) + "\n\n"


KINDS: Mapping[str, Callable[..., str]] = {"table": of_table, "value": of_value, "gap": of_gap, "found": of_found}


def pages(root: Path) -> list[Path]:
    """The README and every page of docs with something marked in it."""
    return [path for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))] if _MARKED.search(path.read_text())]


def main() -> None:
    """Writes the pages again, and says which have changed."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for path in pages(root):
        before = path.read_text()
        after = filled(before, root / "docs" / "results")
        if after != before:
            path.write_text(after)
        print(f"{'changed' if after != before else 'current'}  {path}")


if __name__ == "__main__":
    main()
