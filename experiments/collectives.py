"""What the processes of a launch (experiments.launch) tell each other; in one process, no more than a call.

Objects are pickled, as in a pool of processes: they are one program.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from experiments.launch import connected, distributed, rank, size
from experiments.problems import Failed, Problem, one_line, out_of_memory

T = TypeVar("T")


def mine(n: int, each: int = 1) -> range:
    """The rows of n that are this rank's, cut at multiples of `each` alone: each batch is that of one process."""
    parts = -(-n // each)
    first, end = (min(n, each * (parts * which // size())) for which in (rank(), rank() + 1))
    return range(first, end)


def decided(work: Callable[[], T]) -> T:
    """What `work` gives on rank 0, which alone does it while the others wait, on every rank. Its error is raised on all."""
    if size() == 1:
        return work()
    found, own = _tried(work) if rank() == 0 else (None, None)
    sent = [found, own and as_problem(own)]
    with connected():
        distributed().broadcast_object_list(sent)
    if sent[1]:
        raise own or sent[1]
    return sent[0]


def collected(work: Callable[[], T]) -> list[T]:
    """What `work` gives on every rank, in their order, on rank 0; [] on others. The first rank's error is raised on all: on
    others than rank 0 as Failed, or Problem.
    """
    if size() == 1:
        return [work()]
    found, own = _tried(work)
    errors: list[Any] = [None] * size()
    results: Any = None if rank() else [None] * size()
    with connected():
        distributed().all_gather_object(errors, own and as_problem(own))
    if first := next((error for error in errors if error), None):
        raise own if own and rank() == 0 else first
    with connected():
        distributed().gather_object(found, results)
    return results or []


def add_up(parameters: Iterable[Any], loss: Any) -> Any:
    """Adds the gradients of all ranks up, in place and in one vector; the sum of their losses. None stays where none has one."""
    if size() == 1:
        return loss
    import torch

    own = [p for p in parameters if p.requires_grad]
    known = loss.new_tensor([float(p.grad is not None) for p in own])
    grads = [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in own]
    flat = torch.cat([*grads, loss.reshape(1), known])
    with connected():
        distributed().all_reduce(flat)
    *summed, total, known = flat.split([*(p.numel() for p in own), 1, len(own)])
    for p, grad, some in zip(own, summed, known.tolist()):
        p.grad = torch.empty_like(p).copy_(grad.view_as(p)) if some else None  # in the weight's own layout
    return total[0]


def as_problem(error: Exception) -> Problem:
    """An error as it reaches the other ranks: Failed where it is the task's."""
    if isinstance(error, Problem):
        return error
    where = f"rank {rank()}: {type(error).__name__}: {one_line(error)}".removesuffix(": ")
    return Problem(f"{where}: memory is exhausted: set a smaller batch") if out_of_memory(error) else Failed(where)


def _tried(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:
        return None, error
