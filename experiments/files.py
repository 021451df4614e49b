"""Files on disk: their sha256, their way to the disk, and what to tell a user whose disk is full."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.problems import Problem

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
            reason = f"no room to write {path} ({free / 2**20:.0f} MiB free): make room, then run the same command"
            raise Problem(f"{reason} again; finished runs are kept") from error
        raise Problem(f"cannot use {error.filename or path}: {error.strerror or error}; choose another --runs") from error
