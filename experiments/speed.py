"""What sampler and method cost in addition to the network, and which policy of batching branches is fastest on this device.

The network of the first costs nothing (one multiplication); a hand-written loop that does the same is timed in turn with it, x
clipped at every step in both. Seconds are CPU seconds on a CPU. `--against`: other people's loops (experiments.peers).
"""

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from experiments.peers.by_hand import loop
from experiments.pricing.machine import clock
from guidance import METHODS, SAMPLERS, Clipped, CosineLogSNR, NetworkDenoiser
from guidance.backbones.unet import UNet

STEPS, BATCH, SHAPE, CLASSES = 50, 64, (3, 32, 32), 10
BATCHES = (1, BATCH)
W = 1.0


class Multiplication(nn.Module):
    """A network that costs one multiplication."""

    conditioned_on = "logsnr"

    def forward(self, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        return 0.5 * z


def in_turn(tasks: dict[str, Callable[[], object]], device: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of every task, `rounds` times, one after another in each round; a first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = clock(device)
            task()
            if number:
                seconds[name].append(clock(device) - start)
    return seconds


@torch.no_grad()
def overhead(device: str, batch: int = BATCH, rounds: int = 30) -> dict[str, dict[str, Any]]:
    """Microseconds per step of DDIM, conditional and guided, ours and by hand, and the ratio of ours to it: its median over the
    rounds, and the least and the most.

    The ratio is one within a round, so that a busy machine weighs on both sides.
    """
    network, levels = Multiplication(), CosineLogSNR().grid(STEPS)
    z, label = torch.randn(batch, *SHAPE, device=device), torch.arange(batch, device=device) % CLASSES
    model, values = NetworkDenoiser(network, CLASSES), levels.tolist()
    guided, ddim = METHODS["classifier-free"](w=W)(model), SAMPLERS["ddim"]()
    seconds = in_turn(
        {
            "conditional, by hand": lambda: loop(network, z, values, label, None, CLASSES),
            "conditional": lambda: ddim(Clipped(model), z, levels, label, torch.Tensor),
            "classifier-free, by hand": lambda: loop(network, z, values, label, W, CLASSES),
            "classifier-free": lambda: ddim(Clipped(guided), z, levels, label, torch.Tensor),  # DDIM asks for no noise
        },
        device,
        rounds,
    )
    table = {}
    for name in ("conditional", "classifier-free"):
        ours, theirs = seconds[name], seconds[f"{name}, by hand"]
        ratios = [one / other for one, other in zip(ours, theirs)]
        table[name] = {
            "microseconds per step": 1e6 * statistics.median(ours) / STEPS,
            "by hand": 1e6 * statistics.median(theirs) / STEPS,
            "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
        }
    return table


@torch.no_grad()
def policies(device: str, network: nn.Module | None = None, rounds: int = 5) -> dict[str, float]:
    """Milliseconds of one guided evaluation of a U-Net at batch 64 by how its two branches go through it: `rows` at a time.

    128 is one batch of both branches, 64 a call for each. The fastest is what `--set rows=...` should be on this device.
    """
    unet = (network or UNet(SHAPE[0], CLASSES, width=64, multipliers=(1, 2, 2), attention=(2,))).eval().to(device)
    z, logsnr = torch.randn(BATCH, *SHAPE, device=device), torch.zeros(BATCH, device=device)
    label = torch.arange(BATCH, device=device) % CLASSES
    models = {rows: NetworkDenoiser(unet, CLASSES, rows=rows) for rows in (2 * BATCH, BATCH, BATCH // 2, BATCH // 4, BATCH // 8)}
    seconds = in_turn(
        {f"{rows}": lambda model=model: model.branches(z, logsnr, [label, None]) for rows, model in models.items()},
        device,
        rounds,
    )
    return {rows: 1e3 * statistics.median(values) for rows, values in seconds.items()}


def report(device: str) -> Iterator[str]:
    """What `guidance-bench speed` prints without peers."""
    from experiments.peers.report import machine

    yield machine_line(machine(device))
    yield from overhead_lines({batch: overhead(device, batch) for batch in BATCHES})
    yield f"\nconditional and null branch of a U-Net, {BATCH} images, by rows per call (--set rows=...); milliseconds"
    measured = policies(device)
    for rows, milliseconds in measured.items():
        mark = "  fastest" if milliseconds == min(measured.values()) else ""
        yield f"  {rows:>4}  {milliseconds:8.1f}{mark}"


def overhead_lines(measured: dict[int, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """The table of `overhead` by batch."""
    from experiments.peers.report import shown

    yield f"DDIM, {SHAPE}, network: one multiplication, x clipped; microseconds per step"
    for batch, table in measured.items():
        for name, row in table.items():
            numbers = f"{row['microseconds per step']:8.3g}   by hand {row['by hand']:8.3g}   ratio {shown(row['ratio'])}"
            yield f"  batch {batch:<3} {name:17}{numbers}"


def machine_line(found: dict[str, Any]) -> str:
    """The class of machine, in a line."""
    flags, threads = " ".join(found["instructions"]), found["threads"]
    return (
        f"{found['device']} ({flags}), {threads} thread{'s'[: threads > 1]}, torch {found['torch']}; {found['seconds']} seconds"
    )


def against(
    tasks: list[Any], families: list[str], rounds: int, launches: int, missing: list[str]
) -> Iterator[tuple[str | None, Any]]:
    """(line, None) as they come, and at the end (None, everything that was measured)."""
    from experiments.peers.compare import timed
    from experiments.peers.report import lines, machine, rows

    device = tasks[0].device
    record: dict[str, Any] = {"machine": machine(device), "steps": tasks[0].steps, "rounds": rounds, "launches": launches}
    record["not_installed"] = missing
    record["parameters"] = sum(p.numel() for p in tasks[0].net.parameters())
    del tasks[0].__dict__["net"]  # it would be sent to every process
    yield machine_line(record["machine"]), None
    words = f"DDIM of {tasks[0].steps} steps, {tasks[0].shape}, {record['parameters'] / 1e6:.2f} M parameters, x clipped"
    yield f"{words}; median over {launches} x {rounds} rounds (least to most)", None
    for line in missing:
        yield line, None
    record["systems"] = []
    for task in tasks:
        found = list(rows(timed(task, families, rounds, launches)))
        record["systems"] += found
        for line in lines(found):
            yield line, None
    record["free_network"] = {f"{batch}": overhead(device, batch) for batch in BATCHES}
    for line in overhead_lines(record["free_network"]):
        yield line, None
    yield None, record
