"""Long tables that a task leaves as CSV."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.files import write_atomically


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """The rows as CSV, every float with all its digits."""
    import pandas as pd

    write_atomically(path, pd.DataFrame(rows).to_csv(index=False).encode())


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows again."""
    import pandas as pd

    yield from pd.read_csv(path).to_dict("records")
