"""The price of a block of work: network evaluations, seconds and peak memory."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import nn

from guidance.cost import count


@contextmanager
def meter(
    device: str, denoiser: nn.Module, classifier: nn.Module | None, weak: nn.Module | None = None
) -> Iterator[dict[str, float]]:
    """A dictionary that holds, once the block has ended, the rows through each network, seconds and peak_memory_mib.

    On a GPU the seconds lie between two CUDA events and the memory is the allocator's peak; on a CPU they are wall
    seconds and the peak resident memory of the whole process, libraries included.
    """
    price: dict[str, float] = {}
    gpu = torch.device(device).type == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
        stream = torch.cuda.current_stream(device)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record(stream)
    else:
        reset_peak_resident()
        start = time.perf_counter()
    with count(denoiser, classifier, weak) as nfe:
        yield price
    if gpu:
        end.record(stream)
        torch.cuda.synchronize(device)
        seconds, peak = start.elapsed_time(end) / 1e3, torch.cuda.max_memory_allocated(device)
    else:
        seconds, peak = time.perf_counter() - start, peak_resident()
    price.update(vars(nfe), seconds=seconds, peak_memory_mib=peak / 2**20)


def combined(prices: list[dict[str, float]]) -> dict[str, float]:
    """The price of a block that several processes shared: rows are added up; seconds and memory are those of the dearest."""
    most = ("seconds", "peak_memory_mib")
    return {name: (max if name in most else sum)(price[name] for price in prices) for name in prices[0]} | {
        "devices": len(prices)
    }


def reset_peak_resident() -> None:
    """Sets the kernel's high-water mark of this process back to now, where Linux lets us."""
    with suppress(OSError):  # elsewhere the peak is that of the process's whole life
        Path("/proc/self/clear_refs").write_text("5")


def peak_resident() -> int:
    """The high-water mark of resident memory, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
