"""Rows that a command has measured, as a file: a .csv of them, or a .json with what made them."""

import json
from pathlib import Path
from typing import Any

from analysis.files import write_atomically
from experiments.problems import Problem


def require_place(out: Path) -> None:
    """Problem unless rows can be written there: it is asked before they are measured."""
    if out.suffix not in (".json", ".csv") or out.is_dir() or not out.parent.is_dir():
        raise Problem(f"--out: give a .json or a .csv in a folder that exists, not {out}")


def write_rows(out: Path, rows: list[dict[str, Any]], made: dict[str, Any]) -> None:
    """Completely or not at all."""
    if out.suffix == ".json":
        content = json.dumps({"made": made, "rows": rows}, indent=1) + "\n"
    else:
        import pandas as pd

        content = pd.DataFrame(rows).to_csv(index=False)
    write_atomically(out, content.encode())
