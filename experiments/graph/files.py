"""Files on disk: regular ones only, whole or not at all, and one line for whatever a file system refuses."""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.files import write_atomically
from experiments.problems import Problem

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require_file(path: Path) -> Path:
    """`path`. Problem unless it is a regular file: a pipe would be waited for, a folder cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Problem(f"{path} is no file: name a regular file")
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}") from error
    return path


def sha256(path: Path) -> str:
    """The sha256 of a regular file, in hexadecimal. Problem if it cannot be read."""
    try:
        with require_file(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}") from error


def write_json(path: Path, value: Any) -> None:
    """`value` as readable JSON, whole or not at all. ValueError for NaN and infinity."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON of a file. Problem if it is missing, no file, or broken."""
    try:
        return json.loads(require_file(path).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(f"{path} cannot be read ({error or type(error).__name__})") from error


def sync(path: Path) -> None:
    """Flushes a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_problems(path: Path) -> Iterator[None]:
    """Turns whatever a file system refuses, a full disk first of all, into a Problem that names the place."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            free = shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free
            raise Problem(
                f"no room to write {path} ({free / 2**20:.0f} MiB free): make room, then run the same command again; "
                "finished runs are kept"
            ) from error
        raise Problem(f"cannot use {error.filename or path}: {error.strerror or error}; choose another --runs") from error
