"""A study of seconds, by the command line, for the tests of the room."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import main

SETTINGS = {
    "denoiser.network.width": "8",
    "denoiser.fit.steps": "30",
    "denoiser.fit.checkpoint_every": "10",
    "classifier.fit.steps": "6",
    "evaluator.fit.steps": "6",
    "n": "40",
    "part": "20",
    "sweeps": '[{"sampler": {"name": "ancestral", "steps": 4}, "ws": [0, 1, 4]},'
    ' {"sampler": {"name": "ddim", "steps": 3}, "ws": [-0.5, 0, 1]}]',
}


def command(runs: Path, settings: dict[str, str] | None = None, *more: str, workers: int = 1) -> list[str]:
    values = SETTINGS | (settings or {})
    sets = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return [sys.executable, "-m", "experiments", "study", "digits", "--device", "cpu", "--workers", str(workers),
            "--runs", str(runs), *sets, *more]  # fmt: skip


def study(runs: Path, settings: dict[str, str] | None = None, *more: str, workers: int = 1) -> subprocess.CompletedProcess:
    words = command(runs, settings, *more, workers=workers)
    return subprocess.run(words, capture_output=True, text=True, timeout=280, env=os.environ)


def here(words: list[str], capsys: pytest.CaptureFixture) -> subprocess.CompletedProcess:
    """The command line in this process, for what ends before any work: a new one spends seven seconds on imports."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["guidance-bench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    out, error = capsys.readouterr()
    return subprocess.CompletedProcess(words, ended.value.code or 0, out, error)


def folder(runs: Path) -> Path:
    """The one study in `runs`."""
    (found,) = runs.glob("digits-*")
    return found


def litter(runs: Path) -> list[Path]:
    """Whatever is neither a run nor an empty folder nor a lock."""
    places = [runs / ".scratch", runs / ".partial"]
    return [path for place in places if place.exists() for path in place.rglob("*") if path.is_file()]
