"""Where the study that a notebook shows is found."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from analysis.table import holds_table

STUDY_VARIABLE = "GUIDANCE_BENCH_STUDY"
ONLY_COMMITTED = "committed"  # a value of the variable: no run is looked for
COMMITTED = Path(__file__).parents[1] / "docs" / "results"  # of the checkout that this package lies in; a wheel has none


def find_study(name: str, start: str | Path = ".", known: Sequence[str] = ()) -> Path:
    """The folder of a finished study called `name` (digits, gaussians, ...), which holds its table. In this order:

    1. the folder that the environment variable GUIDANCE_BENCH_STUDY names, whatever it is called; at "committed" go on with 3;
    2. the newest `runs/<name>-<12 hex digits>` with a table, by the table's time, in `start` or the nearest folder above it;
    3. the first `docs/results/<name>-<device>` or `docs/results/<name>-full-<device>` of this checkout (a device is letters
       and digits, so that digits-exact-cpu is no study called digits).

    known: the studies that `guidance-bench study` can run; a message advises that command for these alone.
    ValueError if the variable names a folder without a table, or if nothing is found.
    """
    named = os.environ.get(STUDY_VARIABLE)
    if named and named != ONLY_COMMITTED:
        if not holds_table(named):
            raise ValueError(f"{STUDY_VARIABLE} is {named}, which holds no table.csv: name the folder of a finished study")
        return Path(named)
    run, committed = (re.compile(re.escape(name) + rest) for rest in ("-[0-9a-f]{12}", "-(full-)?[0-9a-z]+"))
    start = Path(start).resolve()
    for folder in () if named else (start, *start.parents):
        if found := [path for path in folder.glob("runs/*/table.csv") if run.fullmatch(path.parent.name)]:
            return max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    for path in sorted(COMMITTED.glob("*")):
        if committed.fullmatch(path.name) and holds_table(path):
            return path
    if known and name not in known:
        raise ValueError(f"there is no study {name}; known: {', '.join(known)}")
    advice = f"run `guidance-bench study {name}`, or name" if known else "name"
    raise ValueError(f"no finished study {name} in or above {start}: {advice} a study's folder in {STUDY_VARIABLE}")
