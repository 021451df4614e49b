"""Runs the missing tasks of a graph on any concurrent.futures.Executor, each as soon as its parents are done."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from experiments.graph.files import disk_problems
from experiments.graph.fingerprint import require_unedited
from experiments.graph.store import BUSY, FOUND, MADE, MISSING, Store
from experiments.graph.task import Task
from experiments.problems import Failed, Problem, StaleRun

SUBMITTED_PER_WORKER = 2  # tasks given to the executor at a time, per worker, so that no worker is idle
LOOK = 2.0  # seconds after which the number of workers is asked for again


@dataclass
class Plan:
    """By address: all tasks, parents first, and their states; those to run; reasons of the stale and of the failed ones."""

    tasks: dict[str, Task] = field(default_factory=dict)
    states: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wanted: dict[str, Task] = field(default_factory=dict)
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def question(self) -> str:
        """One line that asks the user what to do about stale runs."""
        address, reasons = next(iter(self.stale.items()))
        more = f" (and {len(self.stale) - 1} more runs are stale)" if len(self.stale) > 1 else ""
        return (
            f"{address} was {'; '.join(reasons)}{more}: --remake makes stale runs again, --accept keeps them as they are, "
            "`guidance-bench explain` shows every reason"
        )


@dataclass
class Outcome:
    """How many tasks ran or existed; by address, why tasks failed, and why tasks that depend on them could not be made."""

    made: int = 0
    found: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    unmade: dict[str, str] = field(default_factory=dict)


def plan(targets: Iterable[Task], store: Store, retry: bool = False) -> Plan:
    """Checks every task that the targets depend on. Problem if a folder is not a valid run."""
    require_unedited()
    result = Plan()
    with disk_problems(store.root):
        for task in everything(targets):
            key, state = task.address, store.state(task)
            result.tasks[key], result.states[key] = task, state
            if state not in ((FOUND,), (MISSING,)) and not task.derived:
                result.stale[key] = state
            if state == (MISSING,) and not retry and (reason := store.failure(task)):
                result.failed[key] = reason
            if state != (FOUND,) or any(parent.address in result.wanted for parent in task.parents):
                result.wanted[key] = task
    return result


def everything(targets: Iterable[Task]) -> Iterator[Task]:
    """The targets and every task that they depend on, each once, parents first."""
    done: set[str] = set()
    stack = [(target, False) for target in reversed(list(targets))]
    while stack:  # depth first, without recursion
        task, parents_done = stack.pop()
        if task.address in done:
            continue
        if parents_done:
            done.add(task.address)
            yield task
        else:
            stack += [(task, True), *((parent, False) for parent in reversed(task.parents))]


def run(
    planned: Plan,
    store: Store,
    executor: Executor,
    workers: int | Callable[[], int],
    device: str = "cpu",
    remake: bool = False,
    tell: Callable[[Task, str], None] = lambda task, status: None,
) -> Outcome:
    """Runs the planned tasks. `tell` is called as each task ends, with the task and MADE, FOUND or the reason of its failure.

    workers: their number, or what returns it where they come and go; it may raise a Problem.
    remake: stale runs are made again, whatever the reason; otherwise StaleRun is raised for the first. A task that another
    process is running is left to that process and waited for last. A failure is recorded; dependent tasks are not run.
    """
    work = _Work(planned, tell)
    busy: list[str] = []
    running: dict[Future[Any], str] = {}
    while work.ready or running or busy:
        waiting = bool(busy) and not (work.ready or running)
        submitted, busy = (busy, []) if waiting else ([], busy)
        room = SUBMITTED_PER_WORKER * (workers if isinstance(workers, int) else workers())
        while work.ready and len(running) + len(submitted) < room:
            submitted.append(heapq.heappop(work.ready)[2])
        for key in submitted:
            task = planned.wanted[key]
            running[executor.submit(_make, store, task, device, waiting, remake or task.derived)] = key
        done = wait(running, None if isinstance(workers, int) else LOOK, FIRST_COMPLETED).done
        for future in [future for future in running if future in done]:  # in the order of submission: a set has none
            key = running.pop(future)
            try:
                status = future.result()
            except Failed as error:
                work.outcome.failed[key] = status = str(error)
            except BrokenProcessPool as error:
                raise Problem(
                    "a worker process was killed from outside: run the same command again, with fewer --workers if memory ran "
                    "out; finished runs are kept"
                ) from error
            if status == BUSY:
                busy.append(key)
                continue
            work.outcome.made += status == MADE
            work.outcome.found += status == FOUND
            work.finish(key, status)
    return work.outcome


class _Work:
    """The tasks that are ready to run: a heap of (minus the height in the graph, order, address), filled as tasks end."""

    def __init__(self, planned: Plan, tell: Callable[[Task, str], None]):
        self.wanted, self.tell = planned.wanted, tell
        self.outcome = Outcome(failed=dict(planned.failed))
        self.needs = {key: {p.address for p in task.parents if p.address in self.wanted} for key, task in self.wanted.items()}
        self.children: dict[str, list[str]] = {}
        for key, parents in self.needs.items():
            for parent in parents:
                self.children.setdefault(parent, []).append(key)
        self.height, self.order = self._heights(), count()
        self.ready: list[tuple[int, int, str]] = []
        for key in [key for key, parents in self.needs.items() if not parents]:
            if reason := self._prepare(key):
                self.finish(key, reason)

    def finish(self, key: str, status: str) -> None:
        """Marks a task as ended; dependent tasks that wait for no other become ready, or can never run."""
        ended = [(key, status)]
        while ended:
            key, status = ended.pop()
            self.tell(self.wanted[key], status)
            for child in self.children.get(key, ()):
                self.needs[child].discard(key)
                if not self.needs[child] and (reason := self._prepare(child)):
                    ended.append((child, reason))

    def _prepare(self, key: str) -> str | None:
        """Adds a task to those that are ready and returns None, or returns the reason why it cannot run."""
        task, failed, unmade = self.wanted[key], self.outcome.failed, self.outcome.unmade
        unavailable = [parent.address for parent in task.parents if parent.address in failed or parent.address in unmade]
        if key in failed:
            return failed[key]
        if unavailable and (not task.derived or len(unavailable) == len(task.parents)):
            unmade[key] = f"{task.title}: it depends on {unavailable[0]}, which could not be made"
            return unmade[key]
        heapq.heappush(self.ready, (-self.height[key], next(self.order), key))
        return None

    def _heights(self) -> dict[str, int]:
        """The length of the longest chain of tasks that starts with each task: the longest chains start first."""
        height: dict[str, int] = {}
        for key in reversed(self.wanted):  # parents come first in `wanted`
            height[key] = 1 + max((height[child] for child in self.children.get(key, ())), default=0)
        return height


def _make(store: Store, task: Task, device: str, wait: bool, remake: bool) -> str:
    try:
        return store.make(task, device, wait, remake)
    except StaleRun as error:
        raise StaleRun(f"{error}: --remake makes it again, --accept keeps it as it is") from error
