"""A finished study as a notebook opens it: which one it is and how to have one's own, its tables, its figures."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.find import COMMITTED, ONLY_COMMITTED, STUDY_VARIABLE, find_study
from analysis.table import read_table, summarise, table_file

HASH = 12  # digits of a sha256 that are told


@dataclass(frozen=True, eq=False)
class Opened:
    """What lies in the folder of a finished study."""

    folder: Path

    @cached_property
    def table(self) -> pd.DataFrame:
        """The tidy table of single runs, without what could not be measured."""
        return read_table(self.folder / "table.csv")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over runs: `analysis.table.summarise`."""
        return summarise(self.table)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What the study's newest part was made by and on; empty if that was not kept."""
        path = self.folder / "provenance.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    @cached_property
    def values(self) -> dict[str, Any]:
        """The study's whole configuration, as JSON holds it."""
        found = json.loads((self.folder / "config.json").read_text())
        return found.get("values", {"study": found})["study"]

    @property
    def device(self) -> str:
        """The name of what the study ran on."""
        return self.provenance.get("device", "a device that was not recorded")

    @property
    def on_gpu(self) -> bool:
        """Whether seconds and memory are a GPU's: those of a CPU have its instruction set beside them."""
        return "device" in self.provenance and self.device != self.provenance.get("machine", {}).get("processor", self.device)

    def beside(self, name: str) -> pd.DataFrame:
        """A further table, as "network_error". ValueError naming those that are there, if it is not among them."""
        if not (self.folder / f"{name}.csv").is_file():
            there = ", ".join(sorted(path.stem for path in self.folder.glob("*.csv")))
            raise ValueError(f"{self.folder.name} has no {name}.csv: it holds {there}")
        return pd.read_csv(self.folder / f"{name}.csv")

    def figure(self, name: str) -> "Picture | None":
        """A figure that the study left, for what its tables cannot draw, samples above all; None, and a line, if it has none."""
        path = self.folder / "figures" / f"{name}.png"
        if not path.is_file():
            print(f"{self.folder.name} has no figures/{name}.png: this needs samples, which a table does not hold")
            return None
        print(f"samples are not in the table: the study's own figure, figures/{name}.png")
        return Picture(path.read_bytes())


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG, shown as a picture where it is the last thing of a cell."""

    png: bytes = field(repr=False)

    def _repr_png_(self) -> bytes:
        return self.png


def open_study(name: str, takes: str = "minutes") -> Opened:
    """Finds a study (`analysis.find.find_study`) and prints which it is and, of a committed one, what to run for one's own.

    takes: how long `guidance-bench study <name>` does, in words. ValueError, naming that command, if none is found.
    """
    try:
        folder = find_study(name)
    except ValueError as error:
        raise ValueError(f"{error}; `guidance-bench study {name}` makes one, {takes}") from None
    file = table_file(folder)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:HASH]
    if folder.parent == COMMITTED:
        place = folder.relative_to(COMMITTED.parents[1]).as_posix()
        print(f"reading {place}/{file.name} (sha256 {digest}), committed with the package")
        print(f"for one of your own: `guidance-bench study {name}` ({takes}), then run all cells again")
    else:
        named = os.environ.get(STUDY_VARIABLE, ONLY_COMMITTED) != ONLY_COMMITTED
        why = f"as {STUDY_VARIABLE} says" if named else "the newest run"
        print(f"reading {file} (sha256 {digest}), {why}")
    return Opened(folder)
