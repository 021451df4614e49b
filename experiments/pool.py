"""Independent tasks on the cores of one machine: a process each, one thread in each.

Two processes of one thread did as well as one process of two on two quiet cores, and on busy ones two threads that
wait for each other took 30 to 60 times as long. One thread also gives the same weights on any number of cores.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import torch
from tqdm import tqdm

from experiments.memory import keep_memory
from experiments.problems import Problem

MOST = 8  # processes: each holds about 1 GB of libraries


def cores(device: str) -> int:
    """How many processes a study uses unless told: every core of a CPU (8 at most), one for a GPU."""
    if torch.device(device).type == "cuda":
        return 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, allowed)


def run(tasks: list[Callable[[], object]], workers: int) -> Iterator[tuple[int, object]]:
    """(index, result) of every task as it ends. The first exception of a task ends all and is raised here.

    One worker runs the tasks here and in order; more run them in processes that die with this one.
    """
    if workers == 1 or len(tasks) <= 1:
        keep_memory()
        yield from ((index, task()) for index, task in enumerate(tasks))
        return
    context = multiprocessing.get_context("spawn")
    places = context.Queue()
    for line in range(workers):
        places.put(line)
    lock = context.RLock()
    tqdm.set_lock(lock)
    with ProcessPoolExecutor(workers, context, _start, (places, lock)) as pool:
        futures = {pool.submit(task): index for index, task in enumerate(tasks)}
        processes = list(pool._processes.values())
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException as error:
            for process in processes:
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                advice = "run the same command again, with fewer --workers if memory was short; what is finished is kept"
                raise Problem(f"a worker process was ended from outside: {advice}") from error
            raise


def place() -> int:
    """The line of the terminal for this process's progress bar."""
    return _place


_place = 0


def _start(places, lock) -> None:
    global _place
    _place = places.get()
    tqdm.set_lock(lock)
    torch.set_num_threads(1)
    keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one ends the others
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
