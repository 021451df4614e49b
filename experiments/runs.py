"""A run is a folder, named by its configuration, written once, complete or absent.

<kind>-<digest>/  config.json  provenance.json  manifest.json  + what the run made
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.files import write_atomically
from experiments.config import Config
from experiments.files import disk_problems, sha256, sync
from experiments.problems import Problem
from experiments.provenance import provenance

SCHEMA = 1  # of the run folder; a reader refuses a newer one


class Store:
    """A folder of runs, safe to share between processes of one machine; `device` is where new runs are made."""

    def __init__(self, root: Path, device: str = "cpu"):
        self.root, self.device = root, device

    def path(self, kind: str, config: Config) -> Path:
        """Where the run of this configuration is, or would be."""
        return self.root / f"{kind}-{config.digest()}"

    def partial(self, path: Path) -> Path:
        """The folder where an unfinished run keeps what it can go on from."""
        return self.root / ".partial" / path.name

    def make(
        self, kind: str, config: Config, build: Callable[[Path], None], parents: list[Path] = (), wait: bool = True
    ) -> Path | None:
        """The run of `config`: the one that is there, or else what `build(folder)` writes.

        None if another process is making it and `wait` is false. Problem on a full disk; nothing half-written stays.
        """
        path = self.path(kind, config)
        with disk_problems(self.root), self._lock(path, wait) as mine:
            if not mine:
                return None
            if path.exists():
                check(path)
                shutil.rmtree(self.partial(path), ignore_errors=True)
                return path
            scratch = self.root / ".scratch" / path.name
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            try:
                build(scratch)
                seal(scratch, config, provenance([parent.name for parent in parents], self.device))
                os.rename(scratch, path)
                sync(self.root)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(self.partial(path), ignore_errors=True)
        return path

    @contextmanager
    def _lock(self, path: Path, wait: bool) -> Iterator[bool]:
        """True while this process alone may make `path`; the lock dies with the process."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / path.name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True


def write_json(path: Path, value: object) -> None:
    """`value` as readable JSON, whole or not at all; NaN is refused."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict:
    """The JSON of a file. Problem if it is missing or broken."""
    if not path.parent.exists():
        raise Problem(f"there is no run {path.parent}")
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read ({error}): delete {path.parent} and run again") from error


def seal(folder: Path, config: Config, circumstances: dict) -> None:
    """Adds config, provenance and the manifest of every file's sha256, and flushes all to the disk."""
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(folder / "provenance.json", circumstances)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    hashes = {str(file.relative_to(folder)): sha256(file) for file in files}
    write_json(folder / "manifest.json", {"schema": SCHEMA, "sha256": hashes})
    for path in [*files, *{file.parent for file in files}]:
        sync(path)


def check(path: Path) -> dict[str, str]:
    """The manifest of a run, after every file was found to be what it was when it was written.

    Problem where a file is missing or altered, or the run was written by a newer version.
    """
    match read_json(path / "manifest.json"):
        case {"schema": int(schema)} if schema > SCHEMA:
            raise Problem(
                f"{path} was written by a newer version of guidance-bench (run schema {schema}, this one reads up to {SCHEMA}): "
                f"upgrade guidance-bench, or choose another folder with --runs"
            )
        case {"schema": int(), "sha256": dict(hashes)}:
            pass
        case _:
            raise Problem(f"{path / 'manifest.json'} is no manifest: delete the folder {path} and run again")
    for name, expected in hashes.items():
        if not (path / name).exists():
            raise Problem(f"{path / name} is missing: delete the folder {path} and run again to make it anew")
        if sha256(path / name) != expected:
            raise Problem(
                f"{path / name} is truncated or altered (its sha256 is not the one recorded): delete the folder {path} "
                f"and run again to make it anew"
            )
    return hashes
