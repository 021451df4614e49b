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

AHEAD = 2  # tasks that wait inside the executor for each worker


@dataclass
class Plan:
    """The tasks to run, by address, parents first; what is stale, and why; what failed before."""

    tasks: dict[str, Task] = field(default_factory=dict)
    states: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wanted: dict[str, Task] = field(default_factory=dict)
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def question(self) -> str:
        """The question that stale runs put to the user, in one line."""
        address, reasons = next(iter(self.stale.items()))
        more = f" (and {len(self.stale) - 1} more runs are stale)" if len(self.stale) > 1 else ""
        return (
            f"{address} was {'; '.join(reasons)}{more}: --remake makes what is stale again, --accept keeps it as it is, "
            "`guidance-bench explain` says more"
        )


@dataclass
class Outcome:
    """How many tasks ran, and why others did not, by address: first those that failed, then those that depend on them."""

    made: int = 0
    found: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    unmade: dict[str, str] = field(default_factory=dict)


def plan(targets: Iterable[Task], store: Store, retry: bool = False) -> Plan:
    """Checks every task that the targets depend on. Problem for a run that is none."""
    require_unedited()
    found = Plan()
    with disk_problems(store.root):
        for task in everything(targets):
            key, state = task.address, store.state(task)
            found.tasks[key], found.states[key] = task, state
            if state not in ((FOUND,), (MISSING,)) and not task.derived:
                found.stale[key] = state
            if state == (MISSING,) and not retry and (why := store.failure(task)):
                found.failed[key] = why
            if state != (FOUND,) or any(parent.address in found.wanted for parent in task.parents):
                found.wanted[key] = task
    return found


def everything(targets: Iterable[Task]) -> Iterator[Task]:
    """The targets and every task that they depend on, each once, parents first."""
    done: set[str] = set()
    todo = [(target, False) for target in reversed(list(targets))]
    while todo:  # depth first, without recursion
        task, below = todo.pop()
        if task.address in done:
            continue
        if below:
            done.add(task.address)
            yield task
        else:
            todo += [(task, True), *((parent, False) for parent in reversed(task.parents))]


def run(
    planned: Plan,
    store: Store,
    executor: Executor,
    workers: int,
    device: str = "cpu",
    remake: bool = False,
    tell: Callable[[Task, str], None] = lambda task, what: None,
) -> Outcome:
    """Runs what is planned. `tell` is called with each task as it ends, and MADE, FOUND or why it failed.

    remake: stale runs are made again, whatever makes them stale; else StaleRun is raised for the first. A task that another
    process is making is left to it and waited for last. A failed task is recorded; tasks that depend on it are left out.
    """
    work = _Work(planned, tell)
    busy: list[str] = []
    running: dict[Future[Any], str] = {}
    while work.ready or running or busy:
        waiting = bool(busy) and not (work.ready or running)
        submitted, busy = (busy, []) if waiting else ([], busy)
        while work.ready and len(running) + len(submitted) < AHEAD * workers:
            submitted.append(heapq.heappop(work.ready)[2])
        for key in submitted:
            task = planned.wanted[key]
            running[executor.submit(_make, store, task, device, waiting, remake or task.derived)] = key
        done = wait(running, return_when=FIRST_COMPLETED).done
        for future in [one for one in running if one in done]:  # as they were begun: a set has no order
            key = running.pop(future)
            try:
                what = future.result()
            except Failed as error:
                work.outcome.failed[key] = what = str(error)
            except BrokenProcessPool as error:
                raise Problem(
                    "a worker process was ended from outside: run the same command again, with fewer --workers if memory was "
                    "short; what is finished is kept"
                ) from error
            if what == BUSY:
                busy.append(key)
                continue
            work.outcome.made += what == MADE
            work.outcome.found += what == FOUND
            work.ended(key, what)
    return work.outcome


class _Work:
    """Which tasks are ready, as others end: a heap of (minus the tasks that follow, order, address)."""

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
            if why := self._begin(key):
                self.ended(key, why)

    def ended(self, key: str, what: str) -> None:
        """A task has ended: those that depend on it and wait for no other are ready, or can never run."""
        over = [(key, what)]
        while over:
            key, what = over.pop()
            self.tell(self.wanted[key], what)
            for child in self.children.get(key, ()):
                self.needs[child].discard(key)
                if not self.needs[child] and (why := self._begin(child)):
                    over.append((child, why))

    def _begin(self, key: str) -> str | None:
        """None for a task that is ready now, or why it cannot run."""
        task, failed, unmade = self.wanted[key], self.outcome.failed, self.outcome.unmade
        lost = [parent.address for parent in task.parents if parent.address in failed or parent.address in unmade]
        if key in failed:
            return failed[key]
        if lost and (not task.derived or len(lost) == len(task.parents)):
            unmade[key] = f"{task.title}: it is made of {lost[0]}, which could not be made"
            return unmade[key]
        heapq.heappush(self.ready, (-self.height[key], next(self.order), key))
        return None

    def _heights(self) -> dict[str, int]:
        """How many tasks follow each other from this one on: the longest chains start first."""
        height: dict[str, int] = {}
        for key in reversed(self.wanted):  # parents come first in `wanted`
            height[key] = 1 + max((height[child] for child in self.children.get(key, ())), default=0)
        return height


def _make(store: Store, task: Task, device: str, wait: bool, remake: bool) -> str:
    try:
        return store.make(task, device, wait, remake)
    except StaleRun as error:
        raise StaleRun(f"{error}: --remake makes it again, --accept keeps it as it is") from error
