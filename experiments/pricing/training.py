"""The price of a training: its steps, and what is recorded of the test images."""

import contextlib
import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from experiments.graph.value import digest, encode
from experiments.pricing.counting import Count, counted, size_of
from experiments.pricing.machine import PROBE, SECONDS, Here, clock, seconds_of
from experiments.pricing.price import RUN, Price
from experiments.pricing.sizes import sizes_of
from experiments.pricing.untrained import untrained
from experiments.tasks.fit import fit
from experiments.tasks.train import Train
from experiments.worlds.world import Data, Labelled
from guidance.seeding import generator

STATES = 4  # copies of the weights: themselves, their average and two moments; gradients are counted with the step
TRIALS = 40  # network calls a test image, at most, for which a probe of them is still small


def images(world: Any, n: int) -> Labelled:
    """Images of no content."""
    x = torch.rand(n, *world.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Labelled(x, torch.arange(n) % world.classes, getattr(world, "flip", False))


def price_training(task: Train, machine: Any, known: dict[str, Any]) -> Price:
    """Of all its steps. Trainings that differ by seed and length alone are probed once, in `known`."""
    alike = digest(encode([task.world, task.network, task.objective, task.fit.batch, task.n_test], expand=True))
    if alike not in known:
        count, weights = count_step(task)
        seconds = step_seconds(task, machine, count) if machine.measures else machine.seconds(count)
        known[alike] = count, weights, seconds, *_test(task, machine, count)
    count, weights, seconds, test_flops, test_seconds, lacking = known[alike]
    steps, files = task.fit.steps, 1 + len(task.fit.kept)
    tracked = len(task.fit.averages.sigmas) if task.fit.averages is not None else 0
    return Price(
        flops=steps * count.flops + test_flops,
        seconds=steps * seconds + test_seconds,
        memory=count.peak + (STATES + tracked) * weights,
        disk=files * weights + 12 * steps + RUN,
        bound=task.fit.patience > 0,
        unpriced=lacking,
    )


def count_step(task: Train) -> tuple[Count, int]:
    """One step's forward and backward pass, and the bytes of the weights.

    On real images where meta ones do not do, as numbers decide which rows are evaluated: a batch, or two of a large network.
    """
    given = images(task.world, 64)
    opened = untrained(task).opened

    def step(module: Any, size: int, device: str) -> None:
        g = torch.Generator().manual_seed(0)
        opened(None, device).losses(module, given, task.world, size, g, device).mean().backward()

    with torch.device("meta"):
        module = task.module().train()
    try:
        found = counted(lambda: step(module, task.fit.batch, "meta"))
    except (RuntimeError, NotImplementedError, ValueError):
        real, times = task.module().train(), task.fit.batch / 2
        found = counted(lambda: step(real, 2, "cpu"))
        found = Count(found.flops * times, found.kernels, found.peak * times)
        if found.flops <= PROBE:
            found = counted(lambda: step(real, task.fit.batch, "cpu"))
    return found, size_of(module)


class _Enough(Exception):
    pass


def step_seconds(task: Train, machine: Here, count: Count) -> float:
    """Seconds of one step of the real loop, AdamW and the average of weights with it."""
    if machine.too_large(count.flops / task.fit.batch / 3):
        return count.flops / machine.rate
    size = task.fit.batch if machine.is_gpu else max(2, min(task.fit.batch, int(task.fit.batch * PROBE / count.flops)))
    module, given, starts = task.module().to(machine.device), images(task.world, 2000 if size < 500 else 2 * size), []
    objective = untrained(task).opened(None, machine.device)

    def losses(g: torch.Generator) -> torch.Tensor:
        starts.append(clock(machine.device))
        if len(starts) > 4 and starts[-1] - starts[1] > 2 * SECONDS:
            raise _Enough
        return objective.losses(module, given, task.world, size, g, machine.device)

    short = task.fit.__class__(steps=200, batch=size, lr=1e-6, checkpoint_every=1000)
    quiet = contextlib.redirect_stderr(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(_Enough), quiet:
        fit(module, losses, short, partial(generator, "probe", 0), Path(folder) / "none", "probe")
    return (starts[-1] - starts[1]) / (len(starts) - 2) * task.fit.batch / size


def _test(task: Train, machine: Any, count: Count) -> tuple[float, float, tuple[str, ...]]:
    """FLOPs and seconds of the test metrics, and why they are not known."""
    row = count.flops / task.fit.batch / 3
    size = sizes_of(task.world)[1]
    size = size and min(size, task.n_test or size)
    if size is None or row * TRIALS * 2 > PROBE:
        why = "images are not here" if size is None else "network is large"
        return 0.0, 0.0, (f"test metrics of {task.kind}: the {why}",)
    few = max(2, min(size, 500, int(PROBE / max(1.0, row * TRIALS))))
    module, device = task.module().eval(), machine.device if machine.measures else "cpu"
    opened = untrained(task).opened

    def metrics(module: Any, n: int, device: str) -> None:
        with torch.no_grad():
            opened(None, device).test_metrics(module, Data(card={}, test=images(task.world, n)), task.world, device)

    flops = counted(lambda: metrics(module, 2, "cpu")).flops / 2 * size
    if not machine.measures:
        return flops, flops / machine.rate, ()
    module = module.to(device)
    return flops, seconds_of(lambda: metrics(module, few, device), device) * size / few, ()
