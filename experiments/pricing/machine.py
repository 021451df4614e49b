"""Seconds of a piece of work: measured on this machine, or the FLOPs over an assumed share of a listed device's rate."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from experiments.pricing.counting import Count, count_call
from experiments.pricing.devices import KERNEL, Device

Call = Callable[..., Tensor]
PROBE = 6e10  # FLOPs of one probe: half a second of a core; a larger call is probed with fewer rows
LARGE = 1e11  # FLOPs of one row above which a CPU is not asked: its rate on a smaller network stands for it
SECONDS = 0.4  # how long one probe is repeated


def clock(device: str) -> float:
    """CPU seconds of this process, which a busy machine does not stretch as it does the time of day; of a GPU, those that its
    work has taken.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def seconds_of(action: Callable[[], Any], device: str = "cpu", budget: float = SECONDS) -> float:
    """The median of repeated runs over `budget` seconds, three at least, after one that is not counted; of a long one, once."""
    start = clock(device)
    action()
    if (first := clock(device) - start) > 2 * budget:
        return first
    times: list[float] = []
    while len(times) < 3 or sum(times) < budget:
        start = clock(device)
        action()
        times.append(clock(device) - start)
        if len(times) >= 200:
            break
    return statistics.median(times)


@dataclass
class Here:
    """This machine, one thread: calls are timed. `guessed`: the networks that were too large to be."""

    device: str
    name: str
    measures: bool = True
    guessed: set[str] = field(default_factory=set)

    def call(self, call: Call, module: nn.Module, inputs: tuple[Tensor, ...], backward: bool, count: Count) -> float:
        """Seconds of one call with these inputs."""
        rows = len(inputs[0])
        if self.too_large(count.flops / rows):
            return count.flops / self.rate
        few = max(1, rows if self.is_gpu else min(rows, int(rows * PROBE / max(1.0, count.flops))))
        module = module.to(self.device)
        part = tuple(each[:few].to(self.device) for each in inputs)

        def once() -> None:
            first, *others = part
            with torch.set_grad_enabled(backward):
                z = first.detach().requires_grad_(backward)
                out = call(module, z, *others)
                if backward:
                    torch.autograd.grad(out.sum(), z)

        taken = seconds_of(once, self.device)
        return taken * rows / few

    def too_large(self, flops_of_a_row: float) -> bool:
        """Whether a row is more than a CPU should be asked for; it is remembered that a rate stood for it."""
        if self.is_gpu or flops_of_a_row <= LARGE:
            return False
        self.guessed.add(f"{flops_of_a_row:.3g} FLOPs a row")
        return True

    @property
    def is_gpu(self) -> bool:
        return torch.device(self.device).type == "cuda"

    @cached_property
    def rate(self) -> float:
        """FLOP/s of a U-Net of width 64 at 32x32, 8 images at a time."""
        from guidance.backbones.unet import UNet

        network = UNet(3, 10, width=64, multipliers=(1, 2, 2), attention=(2,)).eval().to(self.device)
        inputs = (torch.zeros(8, 3, 32, 32), torch.zeros(8), torch.zeros(8, dtype=torch.long))
        flops = count_call(lambda module, *given: module(*given), network, inputs, False).flops
        given = tuple(each.to(self.device) for each in inputs)
        with torch.inference_mode():
            return flops / seconds_of(lambda: network(*given), self.device)


@dataclass
class Listed:
    """A device of the table: nothing is measured. utilisation: the share of its peak that is assumed; bf16: which peak."""

    known: Device
    utilisation: float
    bf16: bool = False
    measures: bool = False
    device: str = "meta"
    guessed: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.known.name

    @property
    def rate(self) -> float:
        """FLOP/s."""
        return self.utilisation * (self.known.bf16 if self.bf16 else self.known.tf32)

    def call(self, call: Any, module: Any, inputs: Any, backward: bool, count: Count) -> float:
        """Seconds of the FLOPs, and no fewer than launching the kernels takes."""
        return self.seconds(count)

    def seconds(self, count: Count) -> float:
        return max(count.flops / self.rate, count.kernels * KERNEL)
