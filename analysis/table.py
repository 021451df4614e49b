"""The one tidy table of a study, how it is read, and its means over runs.

A row is one number: `world, train_seed, method, w, sampler, steps, seed, n, metric, value`. What no method generated has sampler
"" and steps 0: "real", the test set (w NaN, seed -1) or draws of an exact world (one set per sampling seed), and "tilted draws",
of the tilted density at w. Values at different n are never averaged or compared: FID, IS and recall depend on n.
"""

from io import StringIO
from pathlib import Path

import pandas as pd

from analysis.files import write_atomically

COLUMNS = ("world", "train_seed", "method", "w", "sampler", "steps", "seed", "n", "metric", "value")
FURTHER = ("protocol",)  # columns that a table may have besides: what its numbers were made under (BENCHMARK.md)
KEYS = ["world", "method", "w", "sampler", "steps", "n", "metric"]
SUMMARY = ["value", "sd", "sd_seeds", "low", "high", "trainings", "runs"]
REAL = "real"
FLOOR = "tilted draws"  # draws of the density that guidance is said to sample
BASELINES = (REAL, FLOOR)  # what no method generated


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """The table as CSV, atomically, every float with all its digits. ValueError if columns are missing or a run appears twice."""
    kept = [*COLUMNS, *(name for name in FURTHER if name in table)]
    return write_atomically(path, _checked(table, "the table")[kept].to_csv(index=False).encode())


def read_table(path: str | Path | StringIO) -> pd.DataFrame:
    """The table in a CSV or parquet file, or in the text of a CSV; equal whichever it is read from.

    A table.csv that is not there is read from the table.parquet beside it: large tables are published so.

    ValueError naming the file, and the columns it lacks or the numbers that are none.
    """
    if isinstance(path, str | Path):
        path, beside = Path(path), Path(path).with_suffix(".parquet")
        if path == beside or (beside.is_file() and not path.is_file()):
            return _checked(_read_parquet(beside), str(beside))
    try:  # only numbers may be missing: the sampler of real data is the empty string
        table = pd.read_csv(path, keep_default_na=False, na_values={"w": ["", "nan"], "value": ["", "nan"]})
    except FileNotFoundError:
        raise ValueError(f"there is no table {path}: run the study first") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a table of a study ({error}): delete it and run the study again") from None
    return _checked(table, str(path))


def table_file(folder: str | Path) -> Path:
    """The file in which a folder holds its table; table.csv where it holds none."""
    folder = Path(folder)
    return folder / ("table.csv" if (folder / "table.csv").is_file() or not holds_table(folder) else "table.parquet")


def holds_table(folder: str | Path) -> bool:
    """Whether the folder is that of a finished study."""
    return any((Path(folder) / name).is_file() for name in ("table.csv", "table.parquet"))


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as a parquet file, the same bytes for the same frame. ValueError where pyarrow is missing."""
    _require_pyarrow()
    return frame.to_parquet(None, index=False, compression="zstd")


def _read_parquet(path: Path) -> pd.DataFrame:
    _require_pyarrow()
    if not path.is_file():
        raise ValueError(f"there is no table {path}: run the study first")
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow's own kinds, of what is no parquet file
        raise ValueError(f"{path} is not a table of a study ({error}): delete it and run the study again") from None


def _require_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ValueError("parquet needs pyarrow: pip install guidance-bench[images]") from None


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means and spreads over runs, those of trainings and of sampling seeds apart: KEYS, and the columns

    value            the mean over trainings of the means over their sampling seeds
    sd               of what is independent: the means of trainings, or the sampling seeds where there is one training
    sd_seeds         between the sampling seeds of one training
    low, high        value -/+ sd
    trainings, runs  how many there are

    Both sd have ddof = 1, and are NaN for one. Rows come sorted, w ascending, NaN last.
    """
    cells = _checked(table, "the table")
    groups = cells.groupby([*KEYS, "train_seed"], dropna=False)["value"]  # else pandas drops the real data: its w is NaN
    of_trainings = groups.agg(value="mean", variance="var", runs="count").reset_index()
    of_trainings["free"] = (of_trainings["runs"] - 1).clip(lower=0)
    of_trainings["squares"] = (of_trainings["variance"] * of_trainings["free"]).fillna(0.0)
    groups = of_trainings.groupby(KEYS, dropna=False)
    summary = groups.agg(
        value=("value", "mean"),
        sd=("value", "std"),
        squares=("squares", "sum"),
        free=("free", "sum"),
        trainings=("value", "count"),
        runs=("runs", "sum"),
    ).reset_index()
    summary["sd_seeds"] = (summary["squares"] / summary["free"].where(summary["free"] > 0)) ** 0.5
    summary["sd"] = summary["sd"].where(summary["trainings"] > 1, summary["sd_seeds"])
    summary["low"], summary["high"] = summary["value"] - summary["sd"], summary["value"] + summary["sd"]
    order = ["world", "sampler", "steps", "n", "metric", "method", "w"]
    return summary.sort_values(order, ignore_index=True)[[*KEYS, *SUMMARY]]


def cells_of(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The summary's rows of one metric that belong to methods and have a value; ValueError naming the metrics there are."""
    cells = summary[(summary["metric"] == metric) & (summary["method"] != REAL) & summary["value"].notna()]
    if cells.empty:
        raise ValueError(f"the table has no {metric}: it has {', '.join(sorted(set(summary['metric'])))}")
    return cells


def cells_at(summary: pd.DataFrame, metric: str, sampler: str, steps: int) -> pd.DataFrame:
    """`cells_of` one sampler with one number of steps, at every n, w ascending; ValueError saying what the summary holds."""
    cells = cells_of(summary, metric)
    cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)].sort_values("w")
    if cells.empty:
        raise ValueError(f"no cell has sampler {sampler!r} and {steps} steps: {what_is_held(summary)}")
    return cells


def what_is_held(summary: pd.DataFrame) -> str:
    """The sampler, steps and n of every cell, for an error message."""
    cells = summary[summary["method"] != REAL]
    kinds = sorted(set(zip(cells["sampler"], cells["steps"], cells["n"])))
    return "it holds " + (", ".join(f"{sampler} T = {steps} n = {n}" for sampler, steps, n in kinds) or "no cell at all")


def in_brackets(method: str) -> str:
    """The words in brackets at the end of a method's name, with the space before them: of another model, weak model or labels.

    Methods with the same words are of one model: their w = 0 is the same.
    """
    _, space, words = method.partition(" (")
    return space + words


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if missing := [column for column in COLUMNS if column not in table]:
        raise ValueError(f"{name} lacks {', '.join(missing)}: a study's table has the columns {', '.join(COLUMNS)}")
    for column in ("train_seed", "w", "steps", "seed", "n", "value"):
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(f"{name} has text among its {column}: delete it and run the study again")
    twice = table.duplicated([column for column in COLUMNS if column != "value"])
    if twice.any():  # it would count as one run more, and shrink the sd
        row = table[twice].iloc[0]
        raise ValueError(f"{name} holds {row['metric']} of {row['method']} w = {row['w']:g} seed {row['seed']} twice: keep one")
    return table
