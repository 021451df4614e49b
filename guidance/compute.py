"""How a network is evaluated on a device: precision, memory format, compilation. Nothing of it is part of model or method.

`prepare(network, Compute(...))` takes effect on the network itself, so that whatever holds it, a denoiser or a classifier, goes
along, and cost is counted at it as before. `probe` measures what pays: a device's name does not say. bfloat16 is twice as fast on
a CPU with AVX512-BF16 or AMX, and 22 to 67 times slower on one without.
"""

import copy
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS = ("float32", "tf32", "bfloat16")
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
GAIN = 1.05  # by how much a choice must be faster than a simpler one


@dataclass(frozen=True)
class Compute:
    """The choices that `prepare` makes for a network, and how a trajectory runs.

    precision: "float32" (of a GPU's convolutions too), "tf32" (products of 10 bits, on a GPU), "bfloat16" (autocast; what comes
        out is float32 again).
    memory_format: of the images that a network is given, "contiguous" or "channels_last"; the U-Net of guidance.backbones chooses
        for itself.
    compile: by torch.compile, which takes a minute at first.
    graph: a whole trajectory is captured as a CUDA graph and replayed (guidance.captured).

    precision changes results; the others change their rounding.
    """

    precision: str = "float32"
    memory_format: str = "contiguous"
    compile: bool = False
    graph: bool = False

    def __post_init__(self):
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        if self.memory_format not in MEMORY_FORMATS:
            raise ValueError(f"memory_format must be one of {', '.join(MEMORY_FORMATS)}, not {self.memory_format!r}")


def prepare(network: nn.Module, compute: Compute) -> nn.Module:
    """The network, its `forward` replaced by one that computes so; a second call replaces the first's choice."""
    given = vars(network).pop("forward", None)
    own = vars(network).setdefault("_own_forward", given)  # of a module whose forward is an attribute of the instance
    if own is None:
        function = type(network).forward
    elif getattr(own, "__self__", None) is network:
        function = own.__func__  # of a copy it is the copy's
    else:
        function = lambda self, *inputs, **options: own(*inputs, **options)  # noqa: E731
    run = torch.compile(function, dynamic=False) if compute.compile else function
    layout = MEMORY_FORMATS[compute.memory_format]

    @functools.wraps(own or function)
    def forward(self: nn.Module, *inputs: Any, **options: Any) -> Any:
        named = {name: laid_out(entry, layout) for name, entry in options.items()}
        with in_precision(compute.precision, device_of((*inputs, *named.values()))):
            output = run(self, *(laid_out(entry, layout) for entry in inputs), **named)
        return plain(output)

    network.forward = MethodType(forward, network)  # hooks stay around it; a copy has one of its own
    return network


def laid_out(entry: Any, layout: torch.memory_format) -> Any:
    """Images (b, c, h, w) in a memory format; anything else as it is."""
    images = isinstance(entry, Tensor) and entry.ndim == 4 and entry.is_floating_point()
    return entry.contiguous(memory_format=layout) if images else entry


def plain(output: Any) -> Any:
    """What a network returned, every tensor in float32 if it was in bfloat16, and contiguous."""
    if isinstance(output, Tensor):
        return (output.float() if output.dtype == torch.bfloat16 else output).contiguous()
    if isinstance(output, tuple):
        return type(output)(*map(plain, output)) if hasattr(output, "_fields") else tuple(map(plain, output))
    if type(output) in (list, dict):
        return [*map(plain, output)] if type(output) is list else {name: plain(held) for name, held in output.items()}
    return output


def device_of(inputs: tuple[Any, ...]) -> str:
    """The type of the device of the first tensor."""
    return next((entry.device.type for entry in inputs if isinstance(entry, Tensor)), "cpu")


@contextmanager
def in_precision(precision: str, device: str) -> Iterator[None]:
    """Matrix products and convolutions of a block in it. Gradients that are taken after the block are not: see `with_tf32`."""
    known = torch.amp.is_autocast_available(device)  # not on "meta"
    half = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16") if known else nullcontext()
    with with_tf32(precision != "float32", device), half:
        yield


@contextmanager
def with_tf32(allowed: bool, device: str) -> Iterator[None]:
    """Whether a GPU may use tf32 in a block, gradients included. torch lets its convolutions, unless it is told not to."""
    if torch.device(device).type != "cuda":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


@torch.no_grad()
def probe(
    network: nn.Module, inputs: tuple[Tensor, ...], lossy: bool = False, compile: bool = False, rounds: int = 5
) -> tuple[Compute, dict[Compute, float]]:
    """The fastest way to evaluate a network on these inputs, on their device, and the seconds a call of each way that was tried.

    lossy: whether tf32 and bfloat16 may be chosen; compile: whether compilation may. Ways take turns, and one must be 5 % faster
    than a simpler one to be chosen. Left out are those that the network cannot do, and those that take three times as long as the
    best so far for one row: bfloat16 on a CPU without the instructions would take a minute for all.
    """
    gpu = inputs[0].device.type == "cuda"
    ways = [Compute(), Compute(memory_format="channels_last")]
    ways += [replace(way, precision=name) for name in ("tf32", "bfloat16")[not gpu :] for way in ways[:2]] if lossy else []
    ways += [replace(way, compile=True) for way in ways] if compile else []
    calls: dict[Compute, Callable[[], float]] = {}
    best, first_row = float("inf"), tuple(entry[:1] for entry in inputs)
    for way in ways:
        prepared = prepare(copy.deepcopy(network), way)
        of_one = timed(prepared, first_row)
        of_all = timed(prepared, inputs)
        try:
            of_one()  # libraries choose their kernels
            seconds = min(of_one(), of_one())
            if seconds <= 3 * best:
                of_all()  # a compiler works, once for each shape
        except RuntimeError:  # a layer that asks for another layout or dtype, or memory is exhausted
            if way == Compute():
                raise
            continue
        if seconds <= 3 * best:
            calls[way] = of_all
        best = min(best, seconds)
    seconds_of: dict[Compute, list[float]] = {way: [] for way in calls}
    for _ in range(rounds):
        for way, call in calls.items():
            seconds_of[way].append(call())
    medians = {way: statistics.median(each) for way, each in seconds_of.items()}
    chosen = next(iter(medians))
    for way, median in medians.items():
        chosen = way if median * GAIN < medians[chosen] else chosen
    return chosen, medians


def timed(network: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], float]:
    """Evaluates the network and returns the seconds: the processor's of a CPU, which other processes do not lengthen."""
    gpu, clock = inputs[0].device.type == "cuda", time.process_time
    clock = time.perf_counter if gpu else clock

    def call() -> float:
        if gpu:
            torch.cuda.synchronize()
        start = clock()
        network(*inputs)
        if gpu:
            torch.cuda.synchronize()
        return clock() - start

    return call
