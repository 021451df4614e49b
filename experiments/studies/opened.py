"""A finished study, opened again from its folder: a run beside its cells, or a committed copy of its tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.graph.files import read_object
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies.decode import read_study

# tables of a folder that are no summary of its tidy one
BESIDE = ("by_level", "jacobian", "networks", "network_error", "guided_error", "denoising_loss", "field")
CELL = ["world", "train_seed", "method", "w", "sampler", "steps", "seed"]


def opened(folder: str | Path) -> tuple[Any, str]:
    """The analysis.results.Results of the study that `folder` is the run of, and the name of the report that draws it.

    Of a committed copy the results hold the tables, and of samples what its page shows, so that its report leaves out other
    pictures of them. Problem where the folder is no run of a study, or its table cannot be read.
    """
    import pandas as pd

    from analysis.table import read_table

    folder = Path(folder).absolute()
    study = read_study(folder, renamed=True)
    results = study.results(Store(folder.parent))
    if results.table.empty:
        try:
            results = replace(results, table=read_table(folder / "table.csv"), failed={})
        except ValueError as error:
            raise Problem(str(error)) from error
        beside = {name: pd.read_csv(folder / f"{name}.csv") for name in BESIDE if (folder / f"{name}.csv").is_file()}
        tables = {name: _placed(frame, results.table) for name, frame in beside.items()}
        record = read_object(folder / "provenance.json")
        cells = _cells(results, folder / "report.html", str(record.get("device", "")))
        results = replace(results, tables=results.tables | tables, cells=cells, provenance=record)
    return replace(results, folder=folder), study.report


def _placed(frame: Any, table: Any) -> Any:
    """The table with the columns that its file leaves out: a world where there is one, and no level of a clean classifier."""
    frame = frame if "world" in frame else frame.assign(world=table["world"].iloc[0])
    return frame if "logsnr" in frame else frame.assign(logsnr=float("nan"))


def _cells(results: Any, page: Path, device: str) -> list[Any]:
    """Every cell of the table, its samples gone but for those that the page shows."""
    from analysis.reports.kept import shown_samples
    from analysis.results import Cell

    def gone() -> Any:
        raise ValueError("its samples are not among the committed files")

    shown = shown_samples(page.read_text(encoding="utf-8")) if page.is_file() else {}
    keys = results.sampled[CELL].drop_duplicates().itertuples(index=False, name=None)
    return [
        Cell(*key, draw=gone, sha256="", device=device, shown=shown.get((key[0], key[2], float(f"{key[3]:.5g}"), *key[4:6])))
        for key in keys
    ]
