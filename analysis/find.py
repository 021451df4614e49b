"""Where the study that a notebook shows is found."""

import os
import re
from pathlib import Path

STUDY_VARIABLE = "GUIDANCE_BENCH_STUDY"


def find_study(name: str, start: str | Path = ".") -> Path:
    """The folder of a finished study called `name` (digits, gaussians, ...), which holds `table.csv`. In this order:

    1. the folder that the environment variable GUIDANCE_BENCH_STUDY names, whatever it is called;
    2. the newest `runs/<name>-<address>` with a table, by the table's time, in `start` or the nearest folder above it;
    3. the first `results/<name>-<device>` or `results/<name>-full-<device>` that is committed with this package.

    ValueError if the variable names a folder without a table, or if nothing is found.
    """
    if named := os.environ.get(STUDY_VARIABLE):
        if not (Path(named) / "table.csv").is_file():
            raise ValueError(f"{STUDY_VARIABLE} is {named}, which holds no table.csv: name the folder of a finished study")
        return Path(named)
    its_own = re.compile(rf"{re.escape(name)}-(full-)?[0-9a-z]+")  # digits-exact-... is no study called digits
    start = Path(start).resolve()
    for folder in (start, *start.parents):
        if found := [path for path in folder.glob("runs/*/table.csv") if its_own.fullmatch(path.parent.name)]:
            return max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    committed = sorted(Path(__file__).parent.glob("results/*/table.csv"))
    if found := [path.parent for path in committed if its_own.fullmatch(path.parent.name)]:
        return found[0]
    raise ValueError(
        f"no study {name!r} is found in or above {start}: run `guidance-bench study {name}`, or name a folder in {STUDY_VARIABLE}"
    )
