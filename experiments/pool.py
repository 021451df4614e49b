"""Independent tasks on the cores of one machine: a process each, one thread in each.

Two processes of one thread did as well as one process of two on two quiet cores, and on busy ones two threads that
wait for each other took 20 to 35 times as long. One thread also gives the same weights on any number of cores.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch
from tqdm import tqdm

MOST = 8  # processes: each holds about 1 GB of libraries


def cores(device: str) -> int:
    """How many processes a study uses unless told: every core of a CPU (8 at most), one for a GPU."""
    return 1 if torch.device(device).type == "cuda" else min(MOST, len(os.sched_getaffinity(0)))


def run(tasks: list[Callable[[], object]], workers: int) -> Iterator[tuple[int, object]]:
    """(index, result) of every task as it ends. The first exception of a task ends all and is raised here.

    One worker runs the tasks here and in order; more run them in processes that die with this one.
    """
    if workers == 1 or len(tasks) == 1:
        torch.set_num_threads(1)
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
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(pool._processes.values()):
                process.terminate()
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
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
