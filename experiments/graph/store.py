"""A folder of runs, one per task: each is written once, is complete or absent, and is verified to be unchanged since.

<kind>-<digest>/  config.json  provenance.json  manifest.json  + the files of the task
.failed/: reasons of failures. .partial/: checkpoints of unfinished tasks. .locks/, .scratch/: locks and folders of running tasks.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from experiments.graph.failures import Failures, attempt
from experiments.graph.files import disk_problems, put, remove, sha256, sync, write_json
from experiments.graph.following import processes
from experiments.graph.locks import lock, scratch
from experiments.graph.manifest import SCHEMA, Manifest, OtherVersion, check_config, check_files, read_manifest
from experiments.graph.origin import Origin
from experiments.graph.provenance import provenance
from experiments.graph.task import Task
from experiments.graph.value import digest
from experiments.problems import Failed, Problem, StaleRun

FOUND, MISSING = "found", "missing"
MADE, BUSY = "made", "busy"


class Store:
    """The runs in the folder `root`, which processes can share safely, of one machine or of several that share the folder."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self._seals: dict[str, tuple[tuple[int, ...], str]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.root.absolute(),)  # another process may stand in another folder

    def path(self, task: Task) -> Path:
        """The folder of a task's run, which need not exist."""
        return self.root / task.address

    def has(self, task: Task) -> bool:
        """Whether a run of the task exists."""
        return self.path(task).is_dir()

    def partial(self, task: Task) -> Path:
        """The folder of an unfinished run's checkpoints: a different one for different values, code or parents."""
        return self.root / ".partial" / task.address / digest(self.origin(task).as_json())

    def state(self, task: Task) -> tuple[str, ...]:
        """(FOUND,), (MISSING,), or the reasons why the run is stale. Problem if the folder is not a run of this task."""
        path = self.path(task)
        if not _is_folder(path):
            return (MISSING,)
        with self._advice(path):
            manifest, config = self._read(path, task.files), check_config(path)  # checks that its identity matches the address
            if absent := next((name for name in manifest.files if not (path / name).exists()), None):
                raise Problem(f"{path / absent} is missing")
        recorded = Origin(config["values"], manifest.code, manifest.parents)
        return tuple(recorded.changes(self.origin(task), task.derived)) or (FOUND,)

    def open(self, task: Task) -> Path:
        """The folder of a finished run, after every file is verified. Problem if it is missing or was altered."""
        path = self.path(task)
        if not _is_folder(path):
            raise Problem(f"there is no run {path}: run the same command again to make it")
        with self._advice(path):
            _check(path, _stamp(path), task.files)
        return path

    def seal(self, task: Task) -> str:
        """The hash that identifies the content of a finished run. Problem if there is no such run."""
        path = self.path(task)
        stamp, seal = self._seals.get(path.name, (None, ""))
        if stamp is not None and stamp == _stamp(path):
            return seal
        if not _is_folder(path):
            raise Problem(f"there is no run {path}: run the same command again to make it")
        with self._advice(path):
            return self._read(path).seal

    def origin(self, task: Task) -> Origin:
        """The current inputs and code of a task: its values, its modules, and the parents that exist."""
        return Origin(task.inputs, task.code, {parent.address: self.seal(parent) for parent in task.parents if self.has(parent)})

    def failure(self, task: Task) -> str | None:
        """Why the task last failed, if its values, code and parents are unchanged since."""
        return Failures(self.root).reason(task, lambda: self.origin(task))

    def make(self, task: Task, device: str, wait: bool = True, remake: bool = False) -> str:
        """Runs a task. MADE, FOUND if the run exists already, or BUSY if another process is making it and `wait` is false.

        Problem on a full disk; StaleRun for a stale run, unless `remake`; partly written files are removed. Failed if the task
        itself fails; the reason is recorded and returned by `failure`.
        """
        path = self.path(task)
        with disk_problems(self.root), self._lock(path) as acquire:
            if not acquire(wait):
                return BUSY
            if (state := self.state(task)) == (FOUND,):
                remove(self.root / ".partial" / path.name)
                return FOUND
            if state != (MISSING,) and not remake:
                raise StaleRun(f"{path} was {'; '.join(state)}")
            try:
                status = self._make(task, path, device)
            except (OSError, Problem):  # Failed too: where no lock kept another process out, it took away what both wrote to
                if self.state(task) != (FOUND,):
                    raise
                status = FOUND
            remove(self.root / ".partial" / path.name)
            Failures(self.root).forget(task)
        return status

    def _make(self, task: Task, path: Path, device: str) -> str:
        """Runs a task in a folder of its own: MADE, or FOUND and thrown away if another process was first."""
        origin = self.origin(task)  # before the task runs: the code that will run
        with scratch(self.root / ".scratch" / path.name) as folder:
            with Failures(self.root).recording(task, origin):
                attempt(task, folder, self, device)
                self._seal(task, folder, device, origin)
            if self.origin(task).parents != origin.parents:
                raise Problem(f"{task.title}: its inputs changed while it ran: run the same command again")
            if (state := self.state(task)) == (FOUND,):
                return FOUND
            (os.rename if state == (MISSING,) else put)(folder, path)  # a rename onto another's run fails, and that is kept
            sync(self.root)
        return MADE

    def accept(self, task: Task) -> None:
        """Marks a stale run as valid: its manifest records what had changed, and the run is no longer stale."""
        path = self.path(task)
        with disk_problems(self.root), self._lock(path) as acquire:
            acquire(True)
            reasons = self.state(task)
            if reasons in ((FOUND,), (MISSING,)):
                return
            manifest, config, now = read_manifest(path), check_config(path), self.origin(task)
            record: dict[str, Any] = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "although": list(reasons)}
            record["code"] = {name: old for name, old in manifest.code.items() if now.code.get(name) != old}
            with scratch(self.root / ".scratch" / path.name) as folder:
                shutil.copytree(path, folder, copy_function=_link, dirs_exist_ok=True)
                write_json(folder / "config.json", {**config, "values": task.values})
                files = {**manifest.files, "config.json": sha256(folder / "config.json")}
                parents, accepted = {**manifest.parents, **now.parents}, (*manifest.accepted, record)
                new = replace(manifest, files=files, parents=parents, code=dict(now.code), accepted=accepted)
                write_json(folder / "manifest.json", vars(new))
                put(folder, path)
                sync(self.root)

    def _read(self, path: Path, wanted: tuple[str, ...] = ()) -> Manifest:
        stamp, manifest = _stamp(path), read_manifest(path, wanted)
        self._seals[path.name] = (stamp, manifest.seal)
        return manifest

    def _seal(self, task: Task, folder: Path, device: str, origin: Origin) -> None:
        """Adds config, provenance and manifest, and flushes all files to the disk."""
        outputs = sorted(file for file in folder.rglob("*") if file.is_file())
        if lacking := sorted(set(task.files) - {file.relative_to(folder).as_posix() for file in outputs}):
            raise Failed(f"{task.title}: it did not write {', '.join(lacking)}")
        for file in outputs:
            sync(file)
        write_json(folder / "config.json", {"title": task.title, "identity": task.identity, "values": task.values})
        write_json(folder / "provenance.json", {**provenance(device), "processes": processes(task)})
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        hashes = {file.relative_to(folder).as_posix(): sha256(file) for file in files}
        manifest = Manifest(SCHEMA, hashes, task.clocked, dict(origin.parents), dict(origin.code))
        write_json(folder / "manifest.json", vars(manifest))
        for directory in {file.parent for file in files}:
            sync(directory)

    @contextmanager
    def _lock(self, path: Path) -> Iterator[Any]:
        """A function that tries to acquire the lock of `path`, waiting or not. The lock is released when the process ends."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(locks / path.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)

        try:
            yield partial(lock, handle)
        finally:
            os.close(handle)

    @contextmanager
    def _advice(self, path: Path) -> Iterator[None]:
        """Adds advice to errors about a broken run of this store; the user is told to delete no other folder."""
        try:
            yield
        except OtherVersion:
            raise
        except Problem as problem:
            raise Problem(f"{problem}: delete the folder {path} and run the same command again to make it") from problem


def _is_folder(path: Path) -> bool:
    """True for a folder, False if nothing exists at that path. Problem for anything else."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return True
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return False
    raise Problem(f"{path} is not a run folder: remove it, or choose another --runs")


def _link(source: str, target: str) -> None:
    """Makes a hard link to a file, or a copy if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes whenever the manifest does; () if there is no manifest."""
    try:
        status = os.stat(path / "manifest.json")
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4096)
def _check(path: Path, stamp: tuple[int, ...], wanted: tuple[str, ...]) -> None:
    """Checks every file of a run, once per process while the manifest is unchanged."""
    manifest = read_manifest(path, wanted)
    check_config(path)
    check_files(path, manifest)
