"""Executors of tasks: this process, or a pool of single-threaded processes that end with it.

On two idle cores, two single-threaded processes were as fast as one process with two threads; on busy cores, two threads that
wait for each other took 30 to 60 times as long. One thread also gives the same weights and metrics on any number of cores.
"""

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from tqdm import tqdm

MAX_PROCESSES = 8  # each process holds about 1 GB of libraries
# Third-party packages: the fork server imports those that are needed once, which takes seconds (sklearn 0.8 of the processor's,
# timm with torchvision 1.3). Each worker imports the code of this project itself, in its state at that time (0.2).
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
def executor(workers: int, packages: Collection[str] | None = None) -> Iterator[Executor]:
    """An executor with `workers` workers: 1 is this process; more are child processes, terminated if the block raises.

    packages: what the tasks import; of PRELOADED nothing else is imported (None: all of it). A process has one fork server,
    that of its first pool: workers of later ones import what it lacks by themselves.
    """
    if workers == 1:
        with one_thread():
            yield Here()
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([name for name in PRELOADED if packages is None or name.partition(".")[0] in packages])
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

    Takes effect at once and stays; as a context manager it is undone at the end of the block, but for the memory that is kept.
    """
    from guidance.memory import keep_memory

    keep_memory()
    return limited()


def limited() -> Any:
    """As `one_thread`, with nothing of ours imported, and the memory left to what runs (experiments.graph.failures.attempt)."""
    import scipy.linalg  # noqa: F401 (loads its own BLAS, which must be loaded before threads are limited)
    import torch
    from threadpoolctl import threadpool_limits

    restore = ExitStack()
    restore.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(1)
    restore.callback(threadpool_limits(1).restore_original_limits)
    return restore


def cores() -> int:
    """The number of cores available to this process, at most MAX_PROCESSES."""
    return min(MAX_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def progress_line() -> int:
    """The terminal line of this process's progress bar."""
    return _line


_line = 0


def _start(lines: Any, lock: Any) -> None:
    global _line
    gc.freeze()  # what the fork server imported stays: looking for garbage in it once takes a quarter of a second
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()  # before the first call that may block
    _line = lines.get()
    tqdm.set_lock(lock)
    limited()


def _die_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
