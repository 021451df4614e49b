"""A folder of runs, each of one task: written once, complete or absent, and verified to be unchanged since.

<kind>-<digest>/  config.json  provenance.json  manifest.json  + the task's own files
.failed/ holds why a task failed, .partial/ the checkpoints of unfinished ones, .locks/ and .scratch/ who is at work.
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.graph.failures import Failures, attempt
from experiments.graph.files import disk_problems, put, remove, sha256, sync, write_json
from experiments.graph.manifest import SCHEMA, Manifest, OtherVersion, check_config, check_files, read_manifest
from experiments.graph.origin import Origin
from experiments.graph.provenance import provenance
from experiments.graph.task import Task
from experiments.graph.value import digest
from experiments.problems import Failed, Problem, StaleRun

FOUND, MISSING = "found", "missing"
MADE, BUSY = "made", "busy"


class Store:
    """Runs below `root`, safe to share between processes of one machine."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self._seals: dict[str, tuple[tuple[int, ...], str]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.root,)

    def path(self, task: Task) -> Path:
        """Where the run of a task is, or would be."""
        return self.root / task.address

    def has(self, task: Task) -> bool:
        """Whether a run of the task exists."""
        return self.path(task).is_dir()

    def partial(self, task: Task) -> Path:
        """The folder where an unfinished run keeps what it can go on from: another one for another code, or other parents."""
        return self.root / ".partial" / task.address / digest(self.origin(task).as_json())

    def state(self, task: Task) -> tuple[str, ...]:
        """(FOUND,), (MISSING,), or the reasons why the run is stale. Problem if it is no run of this task."""
        path = self.path(task)
        if not _is_folder(path):
            return (MISSING,)
        with self._advice(path):
            manifest, config = self._read(path, task.files), check_config(path)  # its identity is the address
            if lost := next((name for name in manifest.files if not (path / name).exists()), None):
                raise Problem(f"{path / lost} is missing")
        then = Origin(config["values"], manifest.code, manifest.parents)
        return tuple(then.changes(self.origin(task), task.derived)) or (FOUND,)

    def open(self, task: Task) -> Path:
        """The folder of a finished run, with every file verified. Problem if it is missing or was altered."""
        path = self.path(task)
        if not _is_folder(path):
            raise Problem(f"there is no run {path}: run the same command again to make it")
        with self._advice(path):
            _check(path, _stamp(path), task.files)
        return path

    def seal(self, task: Task) -> str:
        """What identifies the content of a finished run. Problem if there is none."""
        path = self.path(task)
        stamp, seal = self._seals.get(path.name, (None, ""))
        if stamp is not None and stamp == _stamp(path):
            return seal
        if not _is_folder(path):
            raise Problem(f"there is no run {path}: run the same command again to make it")
        with self._advice(path):
            return self._read(path).seal

    def origin(self, task: Task) -> Origin:
        """The inputs and the code of a task now: its values, its modules, and the parents that exist."""
        return Origin(task.inputs, task.code, {parent.address: self.seal(parent) for parent in task.parents if self.has(parent)})

    def failure(self, task: Task) -> str | None:
        """Why the task failed the last time, if values, code and parents are the same now."""
        return Failures(self.root).reason(task, lambda: self.origin(task))

    def make(self, task: Task, device: str, wait: bool = True, remake: bool = False) -> str:
        """MADE, FOUND where it is there already, or BUSY if another process is making it and `wait` is false.

        Problem on a full disk, and StaleRun for a run that is stale unless `remake`; nothing half-written stays. Failed for a
        task that cannot be made of these values; why is kept, and known by `failure`.
        """
        path = self.path(task)
        with disk_problems(self.root), self._lock(path) as lock:
            if not lock(wait):
                return BUSY
            if (state := self.state(task)) == (FOUND,):
                remove(self.root / ".partial" / path.name)
                return FOUND
            if state != (MISSING,) and not remake:
                raise StaleRun(f"{path} was {'; '.join(state)}")
            origin, failures = self.origin(task), Failures(self.root)  # before it runs: of the code that runs
            with self._scratch(path) as folder:
                with failures.kept(task, origin):
                    attempt(task, folder, self, device)
                    self._seal(task, folder, device, origin)
                if self.origin(task).parents != origin.parents:
                    raise Problem(f"{task.title}: what it is made of was changed meanwhile: run the same command again")
                put(folder, path)
                sync(self.root)
            remove(self.root / ".partial" / path.name)
            failures.forget(task)
        return MADE

    def accept(self, task: Task) -> None:
        """Takes a stale run for good: what had changed is written into its manifest, and is no question any more."""
        path = self.path(task)
        with disk_problems(self.root), self._lock(path) as lock:
            lock(True)
            reasons = self.state(task)
            if reasons in ((FOUND,), (MISSING,)):
                return
            manifest, config, now = read_manifest(path), check_config(path), self.origin(task)
            own: dict[str, Any] = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "although": list(reasons)}
            own["code"] = {name: then for name, then in manifest.code.items() if now.code.get(name) != then}
            with self._scratch(path) as folder:
                shutil.copytree(path, folder, copy_function=_link, dirs_exist_ok=True)
                write_json(folder / "config.json", {**config, "values": task.values})
                files = {**manifest.files, "config.json": sha256(folder / "config.json")}
                parents, accepted = {**manifest.parents, **now.parents}, (*manifest.accepted, own)
                new = replace(manifest, files=files, parents=parents, code=dict(now.code), accepted=accepted)
                write_json(folder / "manifest.json", vars(new))
                put(folder, path)
                sync(self.root)

    def _read(self, path: Path, wanted: tuple[str, ...] = ()) -> Manifest:
        stamp, manifest = _stamp(path), read_manifest(path, wanted)
        self._seals[path.name] = (stamp, manifest.seal)
        return manifest

    def _seal(self, task: Task, folder: Path, device: str, origin: Origin) -> None:
        """Adds config, provenance and manifest, and flushes all to the disk."""
        made = sorted(file for file in folder.rglob("*") if file.is_file())
        if lacking := sorted(set(task.files) - {file.relative_to(folder).as_posix() for file in made}):
            raise Failed(f"{task.title}: it did not write {', '.join(lacking)}")
        for file in made:
            sync(file)
        write_json(folder / "config.json", {"title": task.title, "identity": task.identity, "values": task.values})
        write_json(folder / "provenance.json", provenance(device))
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        hashes = {file.relative_to(folder).as_posix(): sha256(file) for file in files}
        manifest = Manifest(SCHEMA, hashes, task.clocked, dict(origin.parents), dict(origin.code))
        write_json(folder / "manifest.json", vars(manifest))
        for place in {file.parent for file in files}:
            sync(place)

    @contextmanager
    def _scratch(self, path: Path) -> Iterator[Path]:
        """An empty folder, which is gone afterwards unless it was put elsewhere; to be used under the lock of `path`."""
        folder = self.root / ".scratch" / path.name
        remove(folder)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            remove(folder)

    @contextmanager
    def _lock(self, path: Path) -> Iterator[Any]:
        """A function that takes the lock of `path`, waiting for it or not, and says whether it has; it dies with the process."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(locks / path.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)

        def take(wait: bool) -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return False
            return True

        try:
            yield take
        finally:
            os.close(handle)

    @contextmanager
    def _advice(self, path: Path) -> Iterator[None]:
        """What to do about a broken run of this store: only such a one may be deleted."""
        try:
            yield
        except OtherVersion:
            raise
        except Problem as problem:
            raise Problem(f"{problem}: delete the folder {path} and run again to make it anew") from problem


def _is_folder(path: Path) -> bool:
    """Whether there is a folder, or nothing. Problem for anything else at that path."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return True
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return False
    raise Problem(f"{path} is no folder of a run: remove it, or choose another --runs")


def _link(source: str, target: str) -> None:
    """A second name of a file, or a copy where the file system knows none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes with a manifest; () where there is none."""
    try:
        found = os.stat(path / "manifest.json")
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4096)
def _check(path: Path, stamp: tuple[int, ...], wanted: tuple[str, ...]) -> None:
    """Every file of a run; once a process, as long as the manifest is the same."""
    manifest = read_manifest(path, wanted)
    check_config(path)
    check_files(path, manifest)
