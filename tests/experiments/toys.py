"""Tasks that take no time, for the tests of graph and store."""

import os
import time
from pathlib import Path
from typing import Any, ClassVar

from experiments.graph.executors import Here, executor
from experiments.graph.files import read_json, write_json
from experiments.graph.run import Outcome, plan, run
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Failed, Problem

PACKAGES = {"torch"}  # which every worker imports: all that a fork server of these tasks needs
ERRORS = {
    "value": ValueError("w is too large"),
    "key": KeyError("a"),
    "bare": RuntimeError(),
    "exit": SystemExit(3),
    "file": FileNotFoundError(2, "No such file or directory", "/somewhere/else"),
    "failed": Failed("cell: not finite"),
    "memory": MemoryError(),
    "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
    "problem": Problem("the file of the world is not there"),
}


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@value
class Part:
    """A value inside of one."""

    size: float = 1.0
    name_of_it: str = "a"


@value
class Cell(Task):
    """Writes w and what its parents wrote. does: an entry of ERRORS, "nothing" (no file), or a count of seconds to take."""

    files: ClassVar[tuple[str, ...]] = ("x.json",)
    clocked: ClassVar[tuple[str, ...]] = ("time.json",)
    w: float = 0.0
    of: tuple[Any, ...] = ()
    part: Part = Part()
    does: str = ""
    log: str | None = None  # a file that gets a letter for each time it is made

    def run(self, folder: Path, store: Store, device: str) -> None:
        if self.log:
            with open(self.log, "a") as file:
                file.write("x")
        if self.does.startswith("while "):
            limit = time.monotonic() + 60
            while Path(self.does.removeprefix("while ")).exists() and time.monotonic() < limit:
                time.sleep(0.01)
        if self.does == "unspeakable":
            raise Unspeakable
        if self.does == "kill":
            os.kill(os.getpid(), 9)
        if self.does in ERRORS:
            raise ERRORS[self.does]
        write_json(folder / "time.json", time.time())
        if self.does != "nothing":
            write_json(folder / "x.json", [self.w, [read_json(store.open(one) / "x.json") for one in self.of]])


@value
class Sum(Task):
    """A report: of the parents that are there."""

    derived: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("table.csv",)
    of: tuple[Any, ...] = ()

    def run(self, folder: Path, store: Store, device: str) -> None:
        there = [one for one in self.of if store.has(one)]
        (folder / "table.csv").write_text("\n".join(str(read_json(store.open(one) / "x.json")) for one in there) + "\nend\n")


def make(root: Path, *tasks: Task, workers: int = 1, retry: bool = False, **options: Any) -> Outcome:
    """What `guidance-bench study` does of a graph, in this process or in several."""
    store = Store(root)
    planned = plan(tasks, store, retry)
    if workers == 1:
        return run(planned, store, Here(), 1, **options)
    with executor(workers, PACKAGES) as pool:
        return run(planned, store, pool, workers, **options)


def litter(root: Path) -> list[Path]:
    """Whatever is neither a run nor an empty folder nor a lock."""
    places = [root / ".scratch", root / ".partial"]
    return [path for place in places if place.exists() for path in place.rglob("*") if path.is_file()]
