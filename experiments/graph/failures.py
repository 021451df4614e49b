"""Failed tasks: errors caused by the task itself are reported in one line and recorded, so that it is not retried in vain."""

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.graph import following
from experiments.graph.files import DISK_FULL_ERRORS, read_object, write_json
from experiments.graph.origin import Origin
from experiments.graph.task import Task
from experiments.problems import Failed, Problem, one_line, out_of_memory

if TYPE_CHECKING:
    from experiments.graph.store import Store


class Failures:
    """The recorded reasons why tasks of a store failed, one file per task."""

    def __init__(self, root: Path):
        self.root = root / ".failed"

    def path(self, task: Task) -> Path:
        return self.root / f"{task.address}.json"

    def reason(self, task: Task, origin: Callable[[], Origin]) -> str | None:
        """Why the task failed, if its inputs and code then were those of `origin`; None otherwise."""
        if not os.path.exists(self.path(task)):
            return None
        try:
            record = read_object(self.path(task))
            recorded = Origin(*(dict(record[name]) for name in ("values", "code", "parents")))
            return None if any(recorded.changes(origin(), derived=True)) else str(record["reason"])
        except (Problem, KeyError, TypeError, ValueError):
            return None  # the record is broken: the task is tried again

    @contextmanager
    def recording(self, task: Task, origin: Origin) -> Iterator[None]:
        """Records the reason if the task fails inside the block."""
        try:
            yield
        except Failed as error:
            text = "".join(traceback.format_exception(error))
            self.root.mkdir(parents=True, exist_ok=True)
            write_json(self.path(task), {"reason": str(error), "traceback": text, **origin.as_json()})
            raise

    def forget(self, task: Task) -> None:
        self.path(task).unlink(missing_ok=True)


def attempt(task: Task, folder: Path, store: "Store", device: str) -> None:
    """Runs a task. Failed, in one line, for any error of the task; Problem if memory runs out; OSError for errors of the disk."""
    from guidance.memory import keep_memory  # here, so that a worker starts with nothing of ours

    try:
        keep_memory()
        following.run(task, folder, store, device)
    except Problem:
        raise
    except (Exception, SystemExit) as error:  # user code, such as a method or a network, may raise anything
        if out_of_memory(error):
            raise Problem(f"{task.title}: memory is exhausted: set fewer --workers, or a smaller batch or n") from error
        if isinstance(error, OSError) and (error.errno in DISK_FULL_ERRORS or str(error.filename).startswith(str(store.root))):
            raise
        message = one_line(error)
        if not (isinstance(error, ValueError) and message):
            message = f"{type(error).__name__}: {message}".removesuffix(": ")
        raise Failed(f"{task.title}: {message}") from error
