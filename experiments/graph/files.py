"""Files on disk: only regular files, written completely or not at all; file-system errors are reported in one line."""

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from analysis.files import write_atomically
from experiments.problems import Problem

DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # constants of renameat2(2)


def require_file(path: Path) -> Path:
    """`path`. Problem unless it is a regular file: reading a pipe would block, and a folder cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Problem(f"{path} is not a regular file")
    except (OSError, ValueError) as error:  # ValueError: the name contains a zero byte
        raise Problem(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return path


def sha256(path: str | Path) -> str:
    """The sha256 of a regular file, in hexadecimal. Problem if it cannot be read."""
    try:
        with require_file(Path(path)).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}") from error


def content_sha256(path: str | Path) -> str:
    """The sha256 of a file; of a folder, that of its files' names and hashes, without hidden ones. Problem if it is empty."""
    folder = Path(path)
    if not folder.is_dir():
        return sha256(path)
    files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    lines = [f"{sha256(folder / file)} {file.as_posix()}\n" for file in files if not any(p.startswith(".") for p in file.parts)]
    if not lines:
        raise Problem(f"{path} is an empty folder")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """`value` as readable JSON, written completely or not at all. ValueError for NaN and infinity."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The JSON value in a file. Problem if the file is missing, not regular, or not valid JSON (NaN and infinity are not)."""
    try:
        with require_file(path).open("rb") as file:
            return json.loads(file.read(), parse_constant=_reject_constant, parse_float=_finite)
    except (OSError, ValueError, RecursionError) as error:
        raise Problem(f"{path} cannot be read ({getattr(error, 'strerror', None) or error or type(error).__name__})") from error


def read_object(path: Path) -> dict[str, Any]:
    """As `read_json`, for a file that must contain a JSON object."""
    if not isinstance(content := read_json(path), dict):
        raise Problem(f"{path} cannot be read (it does not contain a JSON object)")
    return content


def sync(path: Path) -> None:
    """Flushes a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Removes a file, a link or a whole folder, if it exists."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def put(new: Path, target: Path) -> None:
    """Renames a folder to `target`; an existing one is exchanged with it, so that a complete folder exists at all times.

    If the file system cannot exchange two names, the existing folder is renamed first, so `target` is missing for a moment.
    """
    if not os.path.lexists(target):
        os.rename(new, target)
    elif not _exchange(new, target):
        backup = new.with_name(f"{new.name}.old")
        remove(backup)
        with suppress(FileNotFoundError):  # another process does the same
            os.rename(target, backup)
        os.rename(new, target)
        remove(backup)


@contextmanager
def disk_problems(path: Path, remedy: str = "choose another --runs") -> Iterator[None]:
    """Turns file-system errors, above all a full disk, into a Problem that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRORS:
            free = shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free
            raise Problem(
                f"no room to write {path} ({free / 2**20:.0f} MiB free): make room, then run the same command again; "
                "finished runs are kept"
            ) from error
        raise Problem(f"cannot use {error.filename or path}: {error.strerror or error}; {remedy}") from error


def _exchange(first: Path, second: Path) -> bool:
    """Exchanges two names atomically; returns whether the kernel could do it."""
    call = _renameat2()
    return call is not None and call(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0


@cache
def _renameat2() -> Any:
    return getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None


def _reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not valid JSON")


def _finite(text: str) -> float:
    if (number := float(text)) in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number")
    return number
