"""The tiny study of the digits by the command line, for the tests of the room."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import TINY, sets

from experiments.__main__ import main


def words(runs: Path, settings: dict[str, object] | None = None, *more: str, workers: int = 1, name: str = "digits") -> list[str]:
    """The words after `guidance-bench` that run a tiny study."""
    values = [word for one in sets({**TINY[name], **(settings or {})}) for word in ("--set", one)]
    return ["study", name, "--device", "cpu", "--workers", str(workers), "--runs", str(runs), *values, *more]


def command(runs: Path, settings: dict[str, object] | None = None, *more: str, workers: int = 1) -> list[str]:
    return [sys.executable, "-m", "experiments", *words(runs, settings, *more, workers=workers)]


def apart(runs: Path, settings: dict[str, object] | None = None, *more: str, workers: int = 1) -> subprocess.CompletedProcess:
    """The tiny study in a process of its own, where that is the point: it spends seconds on imports."""
    line = command(runs, settings, *more, workers=workers)
    return subprocess.run(line, capture_output=True, text=True, timeout=280, env=os.environ)


def here(words: list[str], capsys: pytest.CaptureFixture) -> subprocess.CompletedProcess:
    """The command line in this process."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["guidance-bench", *words])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
    out, error = capsys.readouterr()
    return subprocess.CompletedProcess(words, code, out, error)


def folder(runs: Path, name: str = "digits") -> Path:
    """The one study of this name in `runs`."""
    (found,) = runs.glob(f"{name}-????????????")
    return found


def litter(runs: Path) -> list[Path]:
    """Whatever is neither a run nor an empty folder nor a lock."""
    places = [runs / ".scratch", runs / ".partial", runs / ".failed"]
    return [path for place in places if place.exists() for path in place.rglob("*") if path.is_file()]
