"""Executors of tasks: this process, or a pool of single-threaded processes that end with it.

Two processes of one thread did as well as one process of two on two quiet cores, and on busy ones two threads that wait for each
other took 30 to 60 times as long. One thread also gives the same weights and measures on any number of cores.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from tqdm import tqdm

from experiments.memory import keep_memory

MAX_PROCESSES = 8  # processes: each holds about 1 GB of libraries
# of others, by the server that workers are forked from: seconds of imports, once; a worker imports ours itself, as they are then
PRELOADED = ("torch", "safetensors.torch", "pandas", "scipy.linalg", "sklearn.datasets", "timm", "torch_fidelity")


class Here(Executor):
    """One task after another, in this process."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def executor(workers: int) -> Iterator[Executor]:
    """An executor of `workers` workers: one is this process, more are child processes, ended when the block is left early."""
    if workers == 1:
        with one_thread():
            yield Here()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    lines, lock = context.Queue(), context.RLock()
    for line in range(workers):
        lines.put(line)
    tqdm.set_lock(lock)
    pool = ProcessPoolExecutor(workers, context, _start, (lines, lock))
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def one_thread() -> Any:
    """One thread for torch and for every BLAS: with two, the last digits of a Frechet distance depend on the number of cores.

    From now on, or as a context for its block.
    """
    import scipy.linalg  # noqa: F401 (brings a BLAS of its own, which is to be there when threads are limited)
    import torch
    from threadpoolctl import threadpool_limits

    before = ExitStack()
    before.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(1)
    before.callback(threadpool_limits(1).restore_original_limits)
    keep_memory()
    return before


def cores() -> int:
    """How many processes this one may use, MAX_PROCESSES at most."""
    return min(MAX_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def progress_line() -> int:
    """The terminal line of this process's progress bar."""
    return _place


_place = 0


def _start(lines: Any, lock: Any) -> None:
    global _place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one ends the others
    threading.Thread(target=_die_with_parent, daemon=True).start()  # before anything is waited for
    _place = lines.get()
    tqdm.set_lock(lock)
    one_thread()


def _die_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
