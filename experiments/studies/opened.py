"""A finished study, opened again from its folder: a run beside its cells, or a committed copy of its tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies.decode import read_study


def opened(folder: str | Path) -> tuple[Any, str]:
    """The analysis.results.Results of the study that `folder` is the run of, and the name of the report that draws it.

    Of a committed copy the results hold the tables and no samples, so that its report leaves out the pictures of samples.
    Problem where the folder is no run of a study, or its table cannot be read.
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
        beside = [name for name in ("by_level", "jacobian", "networks", "network_error") if (folder / f"{name}.csv").is_file()]
        tables = {name: pd.read_csv(folder / f"{name}.csv") for name in beside}
        results = replace(results, tables={name: _placed(frame, results.table) for name, frame in tables.items()})
    return replace(results, folder=folder), study.report


def _placed(frame: Any, table: Any) -> Any:
    """The table with the columns that its file leaves out: a world where there is one, and no level of a clean classifier."""
    frame = frame if "world" in frame else frame.assign(world=table["world"].iloc[0])
    return frame if "logsnr" in frame else frame.assign(logsnr=float("nan"))
