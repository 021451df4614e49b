"""Results that are committed: copied from a clean checkout's run, looked at again, and made again to be compared row by row."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.table import read_table, summarise
from experiments.graph.files import read_json
from experiments.graph.provenance import provenance, same_machine
from experiments.graph.store import Store
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.studies.decode import read_study
from experiments.studies.running import make

CLOCKED = ("seconds_per_sample", "peak_memory_mib")  # metrics that are the clock's and the machine's
TOLERANCE = 0.02  # relative, of numbers made on another class of machine, where trained weights are not equal to the bit
KEY = ["world", "train_seed", "method", "w", "sampler", "steps", "seed", "n", "metric"]


def publish(run: Path, place: Path) -> Path:
    """Copies the run of a study to a folder to be committed. Problem if any run behind it was made by uncommitted code."""
    read_study(run)
    manifest = verify_run(run)
    for name in (run.name, *manifest.parents):
        revision = read_json(run.parent / name / "provenance.json").get("revision")
        if revision is None or revision.endswith("+"):
            made = "outside a checkout" if revision is None else f"by a checkout with changes ({revision})"
            raise Problem(f"{run.parent / name} was made {made}: commit first, then run the study again in a new --runs")
    if manifest.accepted:
        raise Problem(f"{run} was accepted although it was stale: make it again with --remake")
    if place.exists():
        raise Problem(f"{place} is there already: remove it first")
    shutil.copytree(run, place)
    return place


def check_published(folder: Path) -> None:
    """Problem where a committed result was altered, or its summary is not that of its table."""
    verify_run(folder, renamed=True)
    table, summary = read_table(folder / "table.csv"), pd.read_csv(folder / "summary.csv", keep_default_na=True)
    again = summarise(table)
    for name in ("value", "sd"):
        if len(again) != len(summary) or not (again[name].sub(summary[name]).abs().fillna(0) < 1e-9).all():
            raise Problem(f"{folder / 'summary.csv'} is not the summary of table.csv")


def remake(folder: Path, store: Store, workers: int | None, device: str) -> Iterator[str]:
    """Runs the study of a folder again and says, line by line, how its table compares. Problem where a row differs."""
    study = read_study(folder, renamed=True)
    done = make(study, store, workers, device)
    there, here = (read_table(path / "table.csv") for path in (folder, done.folder))
    alike = same_machine(read_json(folder / "provenance.json"), provenance(done.device))
    yield f"machine of the same class: {'yes' if alike else 'no'}; {'equal digits' if alike else f'{TOLERANCE:.0%}'} asked for"
    wrong = list(compare(there, here, 0.0 if alike else TOLERANCE))
    yield f"{len(there) - len(wrong)} of {len(there)} rows agree"
    if wrong:
        raise Problem(f"{len(wrong)} rows differ, the first: {wrong[0]}")


def compare(there: pd.DataFrame, here: pd.DataFrame, tolerance: float) -> Iterator[str]:
    """Every row of one table that another has not, or has with another value; what a clock or the machine says is not
    compared.
    """
    keep = ~there["metric"].isin(CLOCKED)
    both = there[keep].merge(here, on=KEY, how="left", suffixes=("", "_here"), indicator=True)
    scale = both.groupby(["world", "metric"])["value"].transform(lambda values: values.abs().max())
    for row, size in zip(both.itertuples(), scale):
        if row._merge != "both":
            yield f"{row.metric} of {row.method} w = {row.w}: not made again"
        elif not (row.value == row.value_here or abs(row.value - row.value_here) <= tolerance * size):
            where = f"{row.metric} of {row.method} w = {row.w}, {row.sampler}, T = {row.steps}"
            yield f"{where}: {row.value} there, {row.value_here} here"
