"""Results that are committed: copied from a clean checkout's run, verified, and reproduced to be compared row by row.

A committed folder has its table as parquet too, and as CSV, which is read in a browser, where that is not large; a large summary
is parquet as well. The manifest names what is there.
"""

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from analysis.table import KEYS, SUMMARY, parquet_bytes, read_table, summarise, table_file
from experiments.graph.files import disk_problems, read_object, sha256, write_json
from experiments.graph.manifest import read_manifest
from experiments.graph.provenance import provenance, same_machine
from experiments.graph.store import Store
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.studies.decode import read_study
from experiments.studies.running import make

CLOCKED = ("seconds_per_sample", "peak_memory_mib")  # metrics that are the clock's and the machine's
TOLERANCE = 0.02  # relative, of numbers made on another class of machine, where trained weights are not equal to the bit
LARGE = 2**20  # bytes of a CSV from which on the parquet stands alone
KEY = ["world", "train_seed", "method", "w", "sampler", "steps", "seed", "n", "metric"]


def publish(run: Path, place: Path) -> Path:
    """Copies the run of a study to a folder to be committed, whole or not at all. Problem if it, or any run that it rests on, is
    broken, was made by uncommitted code, or was accepted although it was stale.
    """
    read_study(run)
    for path in behind(run):
        manifest, revision = verify_run(path), read_object(path / "provenance.json").get("revision")
        if not isinstance(revision, str) or revision.endswith("+"):
            origin = "outside a checkout" if revision is None else f"by a checkout with changes ({revision})"
            raise Problem(f"{path} was made {origin}: commit first, then run the study again in a new --runs")
        if manifest.accepted:
            raise Problem(f"{path} was accepted although it was stale: make it again with --remake, in a new --runs")
    if os.path.lexists(place):
        raise Problem(f"{place} is there already: remove it first")
    try:
        table = parquet_bytes(read_table(run / "table.csv"))
    except ValueError as error:
        raise Problem(str(error)) from error
    with disk_problems(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as scratch:
            copy = shutil.copytree(run, Path(scratch) / place.name)
            tabled(copy, table)
            os.rename(copy, place)
    return place


def tabled(copy: Path, table: bytes) -> None:
    """The parquet beside the CSV, or instead of a large one, and the manifest of what is there then."""
    manifest = read_object(copy / "manifest.json")
    files = manifest["files"]
    (copy / "table.parquet").write_bytes(table)
    if _large(copy / "summary.csv"):
        (copy / "summary.parquet").write_bytes(parquet_bytes(pd.read_csv(copy / "summary.csv")))
    for name in ("table", "summary"):
        if (copy / f"{name}.parquet").is_file():
            files[f"{name}.parquet"] = sha256(copy / f"{name}.parquet")
        if _large(copy / f"{name}.csv"):
            (copy / f"{name}.csv").unlink()
            del files[f"{name}.csv"]
    write_json(copy / "manifest.json", manifest | {"files": dict(sorted(files.items()))})


def _large(path: Path) -> bool:
    return path.stat().st_size >= LARGE


def behind(run: Path) -> list[Path]:
    """A run, its parents, theirs, and so on: each once."""
    runs, waiting = {}, [run]
    while waiting:
        path = waiting.pop()
        if path.name not in runs:
            runs[path.name] = path
            if not path.is_dir():
                raise Problem(f"{run} rests on {path.name}, which is not there any more")
            waiting += [run.parent / name for name in read_manifest(path).parents]
    return list(runs.values())


def check_published(folder: Path) -> None:
    """Problem where a committed result was altered, or its summary is not that of its table."""
    if not (folder / "manifest.json").exists():
        raise Problem(f"{folder} has no manifest.json: a result of an earlier version, which cannot be verified")
    verify_run(folder, renamed=True)
    table = read_table(folder / "table.csv")
    if (folder / "table.parquet").is_file() and not table.equals(read_table(folder / "table.parquet")):
        raise Problem(f"{folder / 'table.parquet'} is not the table of table.csv")
    shown = folder / ("summary.parquet" if (folder / "summary.parquet").is_file() else "summary.csv")
    summary = pd.read_parquet(shown) if shown.suffix == ".parquet" else pd.read_csv(shown)
    if wrong := next(wrong_rows(table, summary), None):
        raise Problem(f"{shown} is not the summary of {table_file(folder).name}: {wrong}")


def wrong_rows(table: pd.DataFrame, summary: pd.DataFrame) -> Iterator[str]:
    """Every row of a summary that is not what the table's rows give, within rounding, and every one that only one of them has."""
    if lacking := sorted({*KEYS, *SUMMARY} - set(summary)):
        yield f"it has no column {lacking[0]}"
        return
    text = {name: summary[name].fillna("").astype(str) for name in ("world", "method", "sampler", "metric")}  # real data: ""
    both = summarise(table).merge(summary.assign(**text), on=KEYS, how="outer", suffixes=("", "_there"), indicator="place")
    for row in both.to_dict("records"):
        sampler = f"{row['sampler']} of {row['steps']} levels, " if row["sampler"] else ""
        where = f"{row['metric']} of {row['method']} in {row['world']}, w = {row['w']:g}, {sampler}n = {row['n']}"
        if row["place"] != "both":
            yield f"{where}: {'missing' if row['place'] == 'left_only' else 'of no row of the table'}"
        for name in SUMMARY if row["place"] == "both" else ():
            if not math.isclose(row[name], row[f"{name}_there"], rel_tol=1e-9, abs_tol=1e-12) and not (
                pd.isna(row[name]) and pd.isna(row[f"{name}_there"])
            ):
                yield f"{where}: {name} is {row[f'{name}_there']}, and {row[name]} of the table"


def remake(folder: Path, store: Store, workers: int | None, device: str, cluster: str | None = None) -> Iterator[str]:
    """Runs the study of a folder again and says, line by line, how its table compares. Problem where a row differs."""
    study = read_study(folder, renamed=True)
    done = make(study, store, workers, device, cluster=cluster)
    published, remade = (read_table(path / "table.csv") for path in (folder, done.folder))
    alike = same_machine(read_object(folder / "provenance.json"), provenance(done.device))
    yield f"machine of the same class: {'yes' if alike else 'no'}; {'equal digits' if alike else f'{TOLERANCE:.0%}'} asked for"
    wrong = list(compare(published, remade, 0.0 if alike else TOLERANCE))
    yield f"{len(published) - len(wrong)} of {len(published)} rows agree"
    if wrong:
        raise Problem(f"{len(wrong)} rows differ, the first: {wrong[0]}")


def compare(there: pd.DataFrame, here: pd.DataFrame, tolerance: float) -> Iterator[str]:
    """Every row that only one of two tables has, or has with another value; what a clock or the machine says is not compared.

    tolerance: of a value, relative to the largest of its metric.
    """
    there, here = (table[~table["metric"].isin(CLOCKED)] for table in (there, here))
    both = there.merge(here, on=KEY, how="outer", suffixes=("", "_here"), indicator="place")
    scale = both.groupby(["world", "metric"])["value"].transform(lambda values: values.abs().max())
    for row, size in zip(both.itertuples(), scale):
        where = f"{row.metric} of {row.method} w = {row.w}, {row.sampler}, T = {row.steps}"
        if row.place != "both":
            yield f"{where}: not {'made again' if row.place == 'left_only' else 'there'}"
        elif row.value != row.value_here and not abs(row.value - row.value_here) <= tolerance * size:
            yield f"{where}: {row.value} there, {row.value_here} here"
