"""What a worker of an engine does with a task: it checks that it is fit for it, and runs it as the command itself would.

Fit is a worker with one thread, the code and the libraries of the command, and the same folder of runs. Anything else would give
other numbers, or none that the command finds, and is one line.
"""

import os
import pickle
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from experiments.device import resolve
from experiments.graph.executors import one_thread
from experiments.graph.failures import one_line
from experiments.graph.fingerprint import read, source
from experiments.graph.provenance import versions
from experiments.problems import Problem

STARTED = time.time()  # of a worker: no later than its first task


@dataclass(frozen=True)
class Command:
    """What workers must share with the command: a folder in that of its runs, and code; and where it stands and finds modules."""

    seen: Path
    code: Mapping[str, str]
    folder: str
    path: tuple[str, ...]


@cache
def shared_code() -> dict[str, str]:
    """What a result rests on beside the task's own code, by name: how runs are made and kept, and the versions of libraries."""
    files = sorted((Path(__file__).parent / "graph").glob("*.py"))
    graph = {f"experiments.graph.{file.stem}": read(file)[0] for file in files}
    return graph | versions() | {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}


def run_there(command: Command, code: Mapping[str, str], call: bytes) -> Any:
    """Runs a pickled call of experiments.graph.run on this worker, and on its own device. Problem if it is not fit for it."""
    from distributed import get_worker

    worker = get_worker()
    name = f"the worker {worker.address} on {socket.gethostname()}"
    if (threads := worker.state.nthreads) > 1:
        raise Problem(f"{name} has {threads} threads: start workers with --nthreads 1, as many as there are cores or GPUs")
    if not command.seen.exists():
        raise Problem(f"{name} does not see the folder {command.seen.parents[1]} of this command: give --runs one that all share")
    _agree(name, command.code, shared_code())
    if Path(command.folder).is_dir():
        os.chdir(command.folder)  # relative paths among the values
    sys.path += [entry for entry in command.path if entry not in sys.path]
    loaded = set(sys.modules)
    try:
        function, store, task, device, more = pickle.loads(call)
    except Exception as error:
        raise Problem(f"{name} cannot load a task ({one_line(error)}): is all of its code in modules that are there?") from error
    for module in loaded & code.keys() - _fresh:
        if (file := source(module)) is not None and file.stat().st_mtime > STARTED:
            raise Problem(f"{name} began before {file} was edited: start the workers anew")
    _fresh.update(code)
    _agree(name, code, task.code)
    _single(threading.get_ident())
    return function(store, task, resolve(device), *more)


_fresh: set[str] = set()  # modules that were loaded as their files were when their digests were taken
_single = cache(lambda thread: one_thread())  # torch keeps the number of threads by thread


def _agree(name: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    for what in sorted({*ours, *theirs}):
        if ours.get(what) != theirs.get(what):
            raise Problem(
                f"{name} has {what} {theirs.get(what, 'not at all')}, this command {ours.get(what, 'not at all')}: start the "
                "workers anew, from the same checkout and environment"
            )
