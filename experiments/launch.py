"""One command as several processes, one a device, started by torchrun, or by srun with the same variables.

Rank 0 owns the store and the terminal. The first process that fails says why in one line, and all end.
"""

import atexit
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from experiments.problems import Problem, one_line

COME, WORK = timedelta(minutes=10), timedelta(days=14)  # how long the processes wait for each other, at the start and later
# srun's names: the number of tasks is that of a step, which a batch script outside of srun does not have
SLURM = {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_STEP_NUM_TASKS", "LOCAL_RANK": "SLURM_LOCALID"}

SHARED = ("study", "train", "sample")  # commands that several processes run

_store: Any = None  # torch.distributed's, once this process has joined
_alone = False  # while rank 0 does what is not shared


def join() -> None:
    """Joins the other processes, if there are any; the output of all but rank 0 is dropped. Problem where some do not come."""
    global _store
    if "RANK" not in os.environ and all(name in os.environ for name in SLURM.values()):
        os.environ.update({ours: os.environ[theirs] for ours, theirs in SLURM.items()})
    if "RANK" not in os.environ or (n := int(os.environ.get("WORLD_SIZE", "1"))) < 2:
        return
    if lacking := [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise Problem(f"{n} processes were started: export {' and '.join(lacking)} to join them, or start one")
    # whoever loses the store of a rank 0 that has ended would warn of it, with a trace, beside the one line that says why
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    import torch
    import torch.distributed as dist

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, own, n = next(dist.rendezvous("env://", timeout=COME))
        store.set(f"here {own}", "")
        store.wait([f"here {other}" for other in range(n)], COME)
        dist.init_process_group(backend, store=dist.PrefixStore("work", store), rank=own, world_size=n, timeout=WORK)
    except (RuntimeError, ValueError) as error:
        raise Problem(f"not all of {n} processes came to {os.environ['MASTER_ADDR']}: {one_line(error)}") from error
    _store = store
    if own:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)


@contextmanager
def command(word: str) -> Iterator[None]:
    """A command by its first word, as one of the processes of a launch or alone: a Problem is one line and its exit code."""
    try:
        join()
        if size() > 1 and word not in SHARED:
            raise Problem(f"{word or 'this'} is for one process; {', '.join(SHARED)} run in several")
        yield
    except Problem as problem:
        _fail(f"guidance-bench: {' '.join(str(problem).split())}", problem.exit_code)
    except SystemExit as ended:
        _leave(ended.code)
        raise
    except Exception:
        if _store is None:
            raise
        _fail(traceback.format_exc(), 1)


def size() -> int:
    """How many processes share the work at hand."""
    return 1 if _store is None or _alone else distributed().get_world_size()


def rank() -> int:
    """Which of them this one is."""
    return 0 if _store is None else distributed().get_rank()


@contextmanager
def alone() -> Iterator[None]:
    """Work of rank 0 that is not shared: the others wait for its next word."""
    global _alone
    _alone = True
    try:
        yield
    finally:
        _alone = False


def _fail(line: str, code: int) -> None:
    """Ends this process with a line on standard error; in a launch the first to fail alone says its own."""
    first = os.environ.get("RANK", "0") == "0"
    if _store is not None:
        try:
            first = _store.add("failed", 1) == 1
        except RuntimeError:  # rank 0 has ended, and the count with it
            first = False
    if first:
        print(line, file=sys.stderr if rank() == 0 else sys.__stderr__, flush=True)
    if _store is None:
        sys.exit(code)
    os._exit(code)  # a collective that waits for others would hold the interpreter


def _leave(code: Any) -> None:
    """Ends this process's part in the launch: together, unless a command was stopped or misspelt."""
    if _store is None:
        return
    if code in (None, 0, 1):
        with suppress(Problem), connected():  # the work is done
            distributed().all_gather_object([None] * size(), None)  # a barrier of processes, not of GPUs
        atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # the interpreter's own end, with threads of gloo still about, has aborted a process whose work was done
    os._exit(code if isinstance(code, int) else 1 if code else 0)


@contextmanager
def connected() -> Iterator[None]:
    """Problem where another process has ended while this one waits for it."""
    try:
        yield
    except RuntimeError as error:  # of gloo or nccl
        raise Problem(f"another process of this launch has ended ({one_line(error)[:120]})") from error


def distributed() -> Any:
    """torch.distributed, which takes seconds to import."""
    import torch.distributed as dist

    return dist
