"""Where the study that a notebook shows is found."""

import os
from pathlib import Path

STUDY_VARIABLE = "GUIDANCE_BENCH_STUDY"


def find_study(start: str | Path = ".") -> Path:
    """The folder of a finished study, which holds `table.csv`. In this order:

    1. the folder that the environment variable GUIDANCE_BENCH_STUDY names;
    2. the newest `runs/*` with a table, by the table's time of modification, in `start` or the nearest folder above it;
    3. the first `results/*` with a table, by name, that is committed with this package.

    ValueError if the variable names a folder without a table, or if nothing is found.
    """
    if named := os.environ.get(STUDY_VARIABLE):
        if not (Path(named) / "table.csv").is_file():
            raise ValueError(f"{STUDY_VARIABLE} is {named}, which holds no table.csv: name the folder of a finished study")
        return Path(named)
    start = Path(start).resolve()
    for folder in (start, *start.parents):
        if found := list(folder.glob("runs/*/table.csv")):
            return max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    if committed := sorted(Path(__file__).parent.glob("results/*/table.csv")):
        return committed[0].parent
    raise ValueError(f"no study is found in or above {start}: run `make study`, or name a folder in {STUDY_VARIABLE}")
