"""Each tiny study is made once a session, whichever tests ask for it first, and whichever process of pytest-xdist they run in."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import pytest
from engine import Engine
from sparing import undrawn
from tiny import make_here, tiny_study

DRAWN = ("digits", "gaussians", "controls-exact")  # figures of the others are not drawn: test_reports.py draws each kind


@contextmanager
def alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def engine(tmp_path_factory) -> Iterator[Engine]:
    """A scheduler of dask and two workers; whoever kills one starts another."""
    engine = Engine(tmp_path_factory.mktemp("engine"))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a tiny study by its name. Nobody may change what lies there: tests that must, copy the folder of runs.

    A store is safe to share between processes, so the workers of pytest-xdist make one study together.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "tiny"

    @cache
    def made(name: str) -> Path:
        runs = root / name / "runs"
        if name == "controls":  # of the networks of the digits, which are not trained again
            networks = [
                path for kind in ("denoiser", "classifier", "evaluator") for path in made("digits").parent.glob(f"{kind}-*")
            ]
            with alone(root / "controls.lock"):
                for path in networks:
                    if not (runs / path.name).exists():
                        shutil.copytree(path, runs / path.name)
        with nullcontext() if name in DRAWN else undrawn():
            return make_here(tiny_study(name), runs)

    return made


@pytest.fixture(name="cache")
def cache_of_images(tmp_path, monkeypatch) -> Path:
    """Where images are prepared, empty."""
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
