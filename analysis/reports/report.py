"""A report as a value: its sections, its tables and what the terminal prints, and how they become files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.files import write_atomically
from analysis.reports.html import Section, html, write
from analysis.table import write_table

TABLE = "table"


@dataclass(frozen=True, eq=False)
class Report:
    """What a study leaves for people.

    tables: by name, what becomes <name>.csv; "table" is the study's tidy one. summary_text: what was found and the main numbers,
    for the terminal. found: what was found, in sentences with numbers, which the page begins with.
    """

    title: str
    intro: str
    sections: Sequence[Section]
    tables: Mapping[str, pd.DataFrame]
    summary_text: str
    found: Sequence[str] = ()

    def write(self, folder: str | Path) -> Path:
        """Fills `folder` with the tables as CSV, figures/*.png and report.html; returns the path of the last.

        OSError, and ValueError for a tidy table that holds a run twice.
        """
        folder = Path(folder)
        for name, frame in self.tables.items():
            path = folder / f"{name}.csv"
            if name == TABLE and len(frame):
                write_table(frame, path)
            else:
                write_atomically(path, frame.to_csv(index=False).encode())
        pictures = [picture for section in self.sections for picture in section.figures]
        for name, picture in zip(file_names([picture.name for picture in pictures]), pictures):
            write_atomically(folder / "figures" / f"{name}.png", picture.image)
        return write(folder / "report.html", html(self.title, self.intro, self.sections, self.found))


def file_name(text: str) -> str:
    """`text` as the name of a file anywhere: letters, digits and a few signs; others become "-", and nothing is hidden."""
    return re.sub(r"[^A-Za-z0-9_.,=()+-]", "-", text).lstrip(".")[:150] or "figure"


def file_names(names: Sequence[str]) -> list[str]:
    """A file name for each, none twice."""
    taken: set[str] = set()
    return [_free(file_name(name), taken) for name in names]


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name-2, name-3, ... that is not taken; where case is not told apart, too."""
    free, count = name, 1
    while free.lower() in taken:
        count += 1
        free = f"{name}-{count}"
    taken.add(free.lower())
    return free
