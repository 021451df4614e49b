"""Tasks in a launch: rank 0 names each one that is `shared`, and the others make their part; of the rest they know nothing."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import launch
from experiments.collectives import as_problem, decided
from experiments.graph.task import Task
from experiments.problems import Failed, Problem

if TYPE_CHECKING:
    from experiments.graph.store import Store

LATE = 60.0  # seconds after which a network file system shows everybody a new folder


def run(task: Task, folder: Path, store: "Store", device: str) -> None:
    """Runs a task on rank 0."""
    if launch.size() == 1:
        task.run(folder, store, device)
    elif task.shared:
        _say(task.address)
        task.run(folder, store, device)
    else:
        with launch.alone():
            task.run(folder, store, device)


def processes(task: Task) -> int:
    """How many processes make a task."""
    return launch.size() if launch.size() > 1 and task.shared else 1


def follow(tasks: Iterable[Task], store: "Store", device: str) -> Any:
    """On the others: runs their part of each task that rank 0 names, until it releases them; what it says then.

    They write nothing: their folder is none. An error that rank 0 knows of is the task's; any other ends all.
    """
    known = {task.address: task for task in tasks}
    while (said := _say(None))[0] is not None:
        if said[0] not in known:
            raise Problem(f"rank 0 makes {said[0]}, which rank {launch.rank()} does not know: give all the same command")
        try:
            with one_fate():
                wait_for_parents(known[said[0]], store)
                known[said[0]].run(Path(os.devnull), store, device)
        except Failed:
            continue
    return said[1]


def wait_for_parents(task: Task, store: "Store", most: float = LATE) -> None:
    """Until the runs that rank 0 made are seen from here too, or for so many seconds."""
    end = time.monotonic() + most
    while not all(store.has(parent) for parent in task.parents) and time.monotonic() < end:
        time.sleep(0.05)


def release(last: Any = None) -> None:
    """Ends `follow` on the others."""
    if launch.size() > 1:
        _say(None, last)


@contextmanager
def one_fate() -> Iterator[None]:
    """Errors are a Problem here, which ends all ranks: those that do not know of it would wait. Failed is one that all have."""
    try:
        yield
    except Problem:
        raise
    except Exception as error:
        if launch.size() == 1:
            raise
        raise Problem(f"{as_problem(error)}") from error


def _say(address: str | None, last: Any = None) -> tuple[str | None, Any]:
    """What rank 0 says, on every rank."""
    return decided(lambda: (address, last))
