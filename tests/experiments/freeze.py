"""Makes the frozen tables of golden/ again, where numbers are meant to move: `python tests/experiments/freeze.py [STUDY ...]`.

Commit them on their own, with the reason. On the machine that machine.json names, or all of them, or the digits are mixed.
"""

import json
import sys
import tempfile
from pathlib import Path

from frozen import CLOCKED, GOLDEN, machine
from tiny import TINY, make_here, tiny_study


def freeze(name: str, runs: Path) -> None:
    """The tables of a tiny study, without the rows that a clock decides."""
    folder = make_here(tiny_study(name), runs)
    for file in sorted((GOLDEN / name).glob("*.csv")):
        lines = (folder / file.name).read_text().splitlines()
        file.write_text("\n".join(line for line in lines if not CLOCKED & set(line.split(","))) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as runs:
        for name in sys.argv[1:] or TINY:
            print(name, flush=True)
            freeze(name, Path(runs))
    (GOLDEN / "machine.json").write_text(json.dumps(machine(), indent=1))
