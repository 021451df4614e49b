"""A folder of runs, each of one task: written once, complete or absent, and known to be what it was when it was written.

<kind>-<digest>/  config.json  provenance.json  manifest.json  + the task's own files
"""

import fcntl
import os
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.graph.files import disk_problems, read_json, sha256, sync, write_json
from experiments.graph.fingerprint import fingerprint
from experiments.graph.manifest import Manifest, check_config, check_files, read_manifest
from experiments.graph.provenance import provenance
from experiments.graph.task import Task, classes_in
from experiments.graph.value import encode_fields
from experiments.problems import Failed, Problem, StaleRun

FOUND, MISSING = "found", "missing"
MADE, BUSY = "made", "busy"


class Store:
    """Runs below `root`, safe to share between processes of one machine."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def path(self, task: Task) -> Path:
        """Where the run of a task is, or would be."""
        return self.root / task.address

    def partial(self, task: Task) -> Path:
        """The folder where an unfinished run keeps what it can go on from."""
        return self.root / ".partial" / task.address

    def state(self, task: Task) -> tuple[str, ...]:
        """(FOUND,), (MISSING,), or the reasons why what is there is stale. Problem if it is no run of this task."""
        path = self.path(task)
        if not path.is_dir():
            return (MISSING,)
        with self._advice(path):
            manifest, config = read_manifest(path), check_config(path)
            if config["identity"] != task.identity:
                raise Problem(f"{path} holds the run of other values")
            if forgotten := sorted(set(task.files) - set(manifest.files)):
                raise Problem(f"{path / 'manifest.json'} does not name {forgotten[0]}")
        return (*self._changes(task, manifest, config["values"]),) or (FOUND,)

    def open(self, task: Task) -> Path:
        """The folder of a finished run, every byte of it as it was written. Problem if it is not there or was altered."""
        path = self.path(task)
        if not path.is_dir():
            raise Problem(f"there is no run {path}: run the same command again to make it")
        with self._advice(path):
            _verified(path, (path / "manifest.json").stat().st_mtime_ns if (path / "manifest.json").exists() else 0, task.files)
        return path

    def seal(self, task: Task) -> str:
        """What identifies the content of a finished run."""
        with self._advice(self.path(task)):
            return read_manifest(self.path(task)).seal

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
                shutil.rmtree(self.partial(task), ignore_errors=True)
                return FOUND
            if state != (MISSING,) and not remake:
                raise StaleRun(f"{path} was {'; '.join(state)}")
            scratch = self.root / ".scratch" / path.name
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            try:
                self._run(task, scratch, device)
                self._seal(task, scratch, device)
                self._replace(path, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            shutil.rmtree(self.partial(task), ignore_errors=True)
            self._failures(task).unlink(missing_ok=True)
        return MADE

    def failure(self, task: Task) -> str | None:
        """Why the task could not be made the last time, if the same code tried."""
        if not self._failures(task).exists():
            return None
        found = read_json(self._failures(task))
        return found["reason"] if found.get("code") == fingerprint(classes_in(task)) else None

    def accept(self, task: Task) -> None:
        """Takes a stale run for good: what had changed is written into its manifest, and is no question any more."""
        path = self.path(task)
        reasons, manifest = self.state(task), read_manifest(path)
        own = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "although": list(reasons), "code": manifest.code}
        known = {**manifest.parents, **{p.address: self.seal(p) for p in task.parents if self.path(p).is_dir()}}
        update = {"parents": known, "code": fingerprint(classes_in(task)), "accepted": (*manifest.accepted, own)}
        config = {**read_json(path / "config.json"), "values": task.values}
        write_json(path / "config.json", config)
        files = {**manifest.files, "config.json": sha256(path / "config.json")}
        write_json(path / "manifest.json", replace(manifest, files=files, **update).as_json())

    def _changes(self, task: Task, manifest: Manifest, values: dict[str, Any]) -> Iterator[str]:
        """Each reason why a run is stale, as what follows "was"."""
        for name, then, now in differences(values, encode_fields(task, places=False)):
            yield f"made with {name} = {then!r}, which is {now!r} now"
        code = fingerprint(classes_in(task))
        if changed := sorted(name for name in {*code, *manifest.code} if code.get(name) != manifest.code.get(name)):
            more = f" and {len(changed) - 3} files more" if len(changed) > 3 else ""
            yield f"made by another {', '.join(changed[:3])}{more}"
        for parent in task.parents:
            if self.path(parent).is_dir() and self.seal(parent) != manifest.parents.get(parent.address):
                yield f"made of another {parent.address}"

    def _run(self, task: Task, folder: Path, device: str) -> None:
        try:
            task.run(folder, self, device)
        except Failed as error:
            self._keep(task, str(error), error)
            raise
        except (Problem, OSError):
            raise
        except Exception as error:  # a method or a network may fail in as many ways as there are authors
            if out_of_memory(error):
                raise Problem(f"{task.title}: memory is exhausted: set fewer --workers, or a smaller batch or n") from error
            words = (str(error).strip().splitlines() or [""])[0]
            reason = f"{task.title}: " + (
                words if isinstance(error, ValueError) and words else f"{type(error).__name__}: {words}"
            )
            self._keep(task, reason, error)
            raise Failed(reason) from error

    def _keep(self, task: Task, reason: str, error: Exception) -> None:
        """Keeps why a task failed, so that it is not tried again before its code has changed or the user asks for it."""
        text = "".join(traceback.format_exception(error))
        self._failures(task).parent.mkdir(parents=True, exist_ok=True)
        write_json(self._failures(task), {"reason": reason, "traceback": text, "code": fingerprint(classes_in(task))})

    def _failures(self, task: Task) -> Path:
        return self.root / ".failed" / f"{task.address}.json"

    def _seal(self, task: Task, folder: Path, device: str) -> None:
        """Adds config, provenance and manifest, and flushes all to the disk."""
        write_json(folder / "config.json", {"title": task.title, "identity": task.identity, "values": task.values})
        write_json(folder / "provenance.json", provenance(device))
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        hashes = {file.relative_to(folder).as_posix(): sha256(file) for file in files}
        if lacking := set(task.files) - set(hashes):
            raise RuntimeError(f"{task.title} did not write {', '.join(sorted(lacking))}")
        parents = {parent.address: self.seal(parent) for parent in task.parents if self.path(parent).is_dir()}
        write_json(folder / "manifest.json", Manifest(hashes, task.clocked, parents, fingerprint(classes_in(task))).as_json())
        for path in [*files, *{file.parent for file in files}]:
            sync(path)

    def _replace(self, path: Path, scratch: Path) -> None:
        """Puts the new run in its place; what was there before goes only when it is complete."""
        old = self.root / ".scratch" / f"{path.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            os.rename(path, old)
        os.rename(scratch, path)
        sync(self.root)
        shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _lock(self, path: Path) -> Iterator[Any]:
        """A function that takes the lock of `path`, waiting for it or not, and says whether it has; it dies with the process."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(locks / path.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)

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
        """What to do about a broken run: deletion is advised only for a run inside this store."""
        try:
            yield
        except Problem as problem:
            if "earlier version" in str(problem) or "newer version" in str(problem):
                raise
            raise Problem(f"{problem}: delete the folder {path} and run again to make it anew") from problem


def differences(then: dict[str, Any], now: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, value then, value now) of everything that both hold, and hold differently."""
    for key in then.keys() & now.keys():
        name, old, new = f"{path}{key}", then[key], now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{name}.")
        elif old != new:
            yield name, old, new


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, in Python or in torch."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "memory" in str(error) and "alloc" in str(error)
    )


@lru_cache(maxsize=4096)
def _verified(path: Path, stamp: int, wanted: tuple[str, ...]) -> Manifest:
    """The manifest of a run whose files were all found to be whole; once a process, as long as the manifest is the same."""
    manifest = read_manifest(path)
    check_config(path)
    check_files(path, manifest, wanted)
    return manifest
