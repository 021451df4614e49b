"""The folder of what is prepared or downloaded: $GUIDANCE_BENCH_CACHE, or guidance-bench below $XDG_CACHE_HOME or ~/.cache.

  fingerprints/  of every source that was looked at: its files (path, size, time of change) and the sha256 of its content
  images/        one folder a set and preprocessing: PART.pixels, PART.labels.npy, and record.json, which says what was left out
  FashionMNIST/  as torchvision leaves it
  weights/       of feature networks, as you put them there
It may be removed at any time.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.graph.locks import lock
from experiments.problems import Problem


def cache() -> Path:
    """The folder of everything that is prepared or downloaded."""
    if own := os.environ.get("GUIDANCE_BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guidance-bench"


@contextmanager
def cache_problems(place: Path) -> Iterator[None]:
    """Turns file-system errors, a full disk above all, into a Problem that names the path."""
    try:
        yield
    except OSError as error:
        raise Problem(
            f"cannot use {error.filename or place}: {error.strerror or error}; GUIDANCE_BENCH_CACHE may name another folder for "
            "the cache, with room"
        ) from error


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Waits for other processes that prepare the same folder, where files can be locked."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f".{place.name}.lock").open("w") as file:
        lock(file.fileno())
        yield


def temporary(place: Path) -> Path:
    """A new folder beside a place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
