"""What a guided image costs by how it is computed here: precision, branches in one batch or two calls, CUDA graph, compilation.

Classifier-free guidance by DDIM on a network of random weights, as `speed --against` has it. Each way makes the same images, up
to its precision. Seconds are the device's; energy is what NVML counts for the whole GPU while a way is repeated.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.peers.task import Task
from experiments.pricing.counting import count_call
from experiments.pricing.machine import seconds_of
from guidance import METHODS, SAMPLERS, Clipped, NetworkDenoiser, sample
from guidance.captured import Captured
from guidance.compute import Compute, in_precision, prepare
from guidance.level import labels_within

Draw = Callable[[Tensor, Any], Tensor]
MATRIX = {"cuda": 8192, "cpu": 1024}  # the side of the product that stands for what the device can do
LONG = 1.0  # seconds for which a way is repeated


@dataclass(frozen=True)
class Way:
    """compute: as of guidance.compute; its `graph` replays trajectories. together: both branches go through in one batch."""

    compute: Compute
    together: bool = True

    @property
    def name(self) -> str:
        """What is special about it."""
        said = ["graph" * self.compute.graph, "compiled" * self.compute.compile, "two calls" * (not self.together)]
        return ", ".join(filter(None, said)) or "one batch"


def ways_of(device: str, compiled: bool = False) -> list[Way]:
    """Those that a device has: on a GPU tf32 and graphs too."""
    gpu = torch.device(device).type == "cuda"
    found = []
    for precision in ("float32", *(("tf32",) if gpu else ()), "bfloat16"):
        plain = Compute(precision)
        found += [Way(plain), Way(plain, together=False)]
        found += [Way(Compute(precision, graph=True))] if gpu else []
        found += [Way(Compute(precision, compile=True))] if compiled else []
    return found


def measured(tasks: list[Task], compiled: bool = False, seconds: float = LONG) -> Iterator[dict[str, Any]]:
    """A row for each task, whose numbers of images differ, and way: milliseconds an image, images a second, FLOP/s counted and
    as a share of a matrix product's here, peak MiB, joules an image (None where nothing counts them).
    """
    rates: dict[str, float] = {}
    for task in tasks:
        inputs = (torch.zeros(1, *task.shape), torch.zeros(1), torch.zeros(1, dtype=torch.long))
        flops = 2 * task.steps * count_call(lambda net, *given: net(*given), task.net, inputs, False).flops
        for way in ways_of(task.device, compiled):
            precision = way.compute.precision
            rates.setdefault(precision, matrix_rate(task.device, precision))
            taken, peak, joules = timed(drawn(task, way), task, seconds)
            yield {
                "batch": task.batch,
                "precision": precision,
                "way": way.name,
                "ms_per_image": 1e3 * taken / task.batch,
                "images_per_second": task.batch / taken,
                "tflops": flops * task.batch / taken / 1e12,
                "share_of_matrix": flops * task.batch / taken / rates[precision],
                "peak_mib": peak,
                "joules_per_image": joules if joules is None else joules / task.batch,
            }


def drawn(task: Task, way: Way) -> Draw:
    """x of labels and the indices of samples, in that way."""
    network = prepare(copy.deepcopy(task.net), way.compute)
    model = NetworkDenoiser(network, task.classes, rows=(2 if way.together else 1) * task.batch)
    guided, ddim = Clipped(METHODS["classifier-free"](w=task.w)(model)), SAMPLERS["ddim"]()
    levels = torch.tensor(task.levels)

    def draw(label: Tensor, indices: Any) -> Tensor:
        label = labels_within(label, 0, task.classes - 1)
        return sample(guided, ddim, levels, label, task.shape, 0, indices)

    return Captured(draw, task.batch, task.classes, task.device) if way.compute.graph else draw


def timed(draw: Draw, task: Task, seconds: float) -> tuple[float, float, float | None]:
    """Median seconds of a set of images, peak MiB of a GPU's allocator (0 elsewhere), joules of a set or None."""
    gpu = torch.device(task.device).type == "cuda"
    indices = range(task.batch)
    draw(task.label, indices)  # libraries choose their kernels, a compiler works
    if gpu:
        torch.cuda.reset_peak_memory_stats(task.device)
    taken = seconds_of(lambda: draw(task.label, indices), task.device, seconds)
    peak = torch.cuda.max_memory_allocated(task.device) / 2**20 if gpu else 0.0
    return taken, peak, joules_of(lambda: draw(task.label, indices), task.device, seconds) if gpu else None


def joules_of(action: Callable[[], Any], device: str, seconds: float) -> float | None:
    """What the GPU took for one run of an action that is repeated for some seconds; None without NVML (nvidia-ml-py)."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no package, no driver, a GPU that does not count: NVML has an error for each
        return None
    torch.cuda.synchronize(device)
    before, start, runs = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        action()
        runs += 1
        torch.cuda.synchronize(device)
    return (pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - before) / 1e3 / runs


def matrix_rate(device: str, precision: str) -> float:
    """FLOP/s of a large product of square matrices."""
    side = MATRIX[torch.device(device).type]
    one, other = (torch.randn(side, side, device=device) for _ in range(2))
    if precision == "bfloat16":
        one, other = one.bfloat16(), other.bfloat16()
    with torch.inference_mode(), in_precision("float32" if precision == "bfloat16" else precision, device):
        return 2 * side**3 / seconds_of(lambda: one @ other, device)


def heading() -> str:
    """The titles of `line`."""
    titles = (f"{title:>10}" for title in ("ms/image", "images/s", "TFLOP/s", "of matrix"))
    return f"{'images':>6}  {'precision':10}{'way':12}{''.join(titles)}{'MiB':>9}{'J/image':>9}"


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    joules = "" if row["joules_per_image"] is None else f"{row['joules_per_image']:.3g}"
    numbers = "".join(f"{row[name]:10.3g}" for name in ("ms_per_image", "images_per_second", "tflops"))
    share, peak = f"{row['share_of_matrix']:10.1%}", f"{row['peak_mib']:9.0f}"
    return f"{row['batch']:6}  {row['precision']:10}{row['way']:12}{numbers}{share}{peak}{joules:>9}"
