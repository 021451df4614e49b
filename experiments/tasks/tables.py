"""Long tables that a task leaves as CSV."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.files import write_atomically


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows as CSV, every float with all its digits."""
    write_atomically(path, pd.DataFrame(rows).to_csv(index=False).encode())


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows again."""
    yield from pd.read_csv(path).to_dict("records")
