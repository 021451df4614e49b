"""What a command has measured, as a file: a .json of everything, or a .csv of its rows."""

import json
from pathlib import Path
from typing import Any

from analysis.files import write_atomically
from experiments.problems import Problem


def require_place(out: Path) -> None:
    """Problem unless rows can be written there: it is asked before they are measured."""
    if out.suffix not in (".json", ".csv") or out.is_dir() or not out.parent.is_dir():
        raise Problem(f"--out: give a .json or a .csv in a folder that exists, not {out}")


def write_record(out: Path, record: dict[str, Any], rows: str = "rows") -> None:
    """The record, or the rows that it holds under this name, what is nested in them joined by "_". Completely or not at all."""
    if out.suffix == ".json":
        content = json.dumps(record, indent=1) + "\n"
    else:
        import pandas as pd

        content = pd.json_normalize(record[rows], sep="_").to_csv(index=False)
    write_atomically(out, content.encode())
