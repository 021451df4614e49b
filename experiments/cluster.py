"""A graph on an existing engine: dask's scheduler, and any number of workers that share the folder of runs with this process.

The engine hands the tasks out, runs those of a lost worker again on another, keeps GPUs apart, and shows everything on its
dashboard. Whoever reaches the ports of an engine can run code on it: see docs/cluster.md.
"""

import json
import logging
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from experiments.cluster_worker import Command, run_there, shared_code
from experiments.graph.failures import one_line
from experiments.graph.files import disk_problems
from experiments.graph.locks import scratch
from experiments.problems import Problem

PATIENCE = 300.0  # seconds without any worker, or without the scheduler's file, until the command ends
TIMEOUT = 30.0  # seconds to connect in
LOOK = 1.0  # seconds between two looks
KEPT = "finished runs are kept, and the same command goes on from there"


class Cluster(Executor):
    """Tasks of a store, as experiments.graph.run submits them, on the workers of an engine."""

    def __init__(self, client: Any, command: Command, tell: Callable[[str], None]):
        self.client, self.command, self.tell = client, command, tell
        self.threads, self.there, self.looked, self.told = 0, time.monotonic(), float("-inf"), False
        # no retries: the engine would repeat tasks that fail; those whose worker is lost run again without being asked for
        self.engine = client.get_executor(pure=False)

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        store, task, device, *more = args
        wanted = {"resources": {"GPU": 1}} if self.gpus and device != "cpu" else {}
        call = pickle.dumps((function, store, task, device, more))
        return self.engine.submit(run_there, self.command, dict(task.code), call, key=f"{task.address}-{uuid4().hex}", **wanted)

    def workers(self) -> int:
        """How many tasks can run at a time, at least 1. Problem once there has been no worker for PATIENCE seconds."""
        if (now := time.monotonic()) - self.looked >= LOOK:
            address = self.client.scheduler.address
            try:
                self.threads, self.looked = sum(self.client.nthreads().values()), now
            except OSError as error:
                raise Problem(f"the scheduler at {address} is lost ({one_line(error)}); {KEPT}") from error
            self.there = now if self.threads else self.there
            if now - self.there > PATIENCE:
                raise Problem(f"there was no worker at {address} for {PATIENCE:.0f} s: start some; {KEPT}")
            if not self.threads and not self.told:
                self.tell(f"there is no worker at {address}: waiting for one, {PATIENCE:.0f} s at most")
            self.told = not self.threads
        return max(self.threads, 1)

    @cached_property
    def gpus(self) -> bool:
        """Whether workers announce GPUs, of which each task that is not for the CPU then gets one."""
        return any("GPU" in worker["resources"] for worker in self.client.scheduler_info()["workers"].values())


@contextmanager
def connected(where: str, root: Path, tell: Callable[[str], None] = print) -> Iterator[Cluster]:
    """The workers of the scheduler at an address, or of its scheduler file, as an executor; there is one at least. Tasks that
    have not begun when the block ends never will. Problem, in one line, where there is no engine, or it is lost.
    """
    try:
        from distributed import KilledWorker
    except ImportError as error:
        raise Problem(f"--cluster needs dask ({error}): pip install 'guidance-bench[cluster]'") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is lost is said here, in one line
    path = tuple(str(Path(entry).absolute()) for entry in sys.path)
    try:
        with disk_problems(root), scratch(root.absolute() / ".scratch" / "command") as seen, _client(where, tell) as client:
            cluster = Cluster(client, Command(seen, shared_code(), os.getcwd(), path), tell)
            while cluster.workers() and not cluster.threads:
                time.sleep(LOOK)
            yield cluster
    except KilledWorker as error:
        task = str(error.task).rpartition("-")[0]
        raise Problem(f"{task}: every worker that ran it died, {error.allowed_failures + 1} in all; {KEPT}") from error
    except CancelledError as error:
        raise Problem(f"the scheduler {where} is lost; {KEPT}") from error
    except ModuleNotFoundError as error:
        raise Problem(f"a worker has no module {error.name}: start the workers in the environment of this command") from error


def _client(where: str, tell: Callable[[str], None]) -> Any:
    """A client of dask, at an address or at that of a scheduler's file."""
    from distributed import Client

    address = _written(where, tell) if where.endswith(".json") else where
    if not address.rpartition(":")[2].isdigit():  # a client that cannot even begin takes a minute to end, and shows a traceback
        raise Problem(f"there is no dask scheduler at {where}: give HOST:PORT, or the .json that it wrote")
    try:
        return Client(address, set_as_default=False, timeout=TIMEOUT)
    except (OSError, ValueError, TypeError) as error:
        raise Problem(f"there is no dask scheduler at {where} ({one_line(error)})") from error


def _written(file: str, tell: Callable[[str], None]) -> str:
    """The address in a scheduler's file. One that is not there yet is waited for."""
    begun, told = time.monotonic(), False
    while not Path(file).exists():
        waited = time.monotonic() - begun
        if waited > PATIENCE:
            raise Problem(f"there is no file {file}: `dask scheduler --scheduler-file {file}` writes it")
        if waited > TIMEOUT and not told:
            tell(f"there is no file {file}: waiting for a scheduler to write it, {PATIENCE:.0f} s at most")
            told = True
        time.sleep(LOOK)
    for _ in range(3):  # it may be half written
        with suppress(ValueError, KeyError, TypeError):
            return str(json.loads(Path(file).read_text())["address"])
        time.sleep(LOOK)
    raise Problem(f"{file} names no dask scheduler: `dask scheduler --scheduler-file {file}` writes it anew")
