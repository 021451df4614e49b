"""What sampler and method cost in addition to the network, and which policy of batching branches is fastest on this device.

The network of the first costs nothing (one multiplication); a hand-written loop that does the same is timed in turn with it.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from guidance import METHODS, SAMPLERS, CosineLogSNR, NetworkDenoiser
from guidance.backbones.unet import UNet

STEPS, BATCH, SHAPE, CLASSES = 50, 64, (3, 32, 32), 10
W = 1.0


class Multiplication(nn.Module):
    """A network that costs one multiplication."""

    conditioned_on = "logsnr"

    def forward(self, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        return 0.5 * z


def by_hand(network: nn.Module, z: Tensor, levels: list[float], label: Tensor, w: float | None) -> Tensor:
    """DDIM as one writes it for one model, one sampler and one method; w None: no guidance."""
    null = torch.full_like(label, CLASSES)
    alphas = [1 / math.sqrt(1 + math.exp(-value)) for value in levels]
    sigmas = [1 / math.sqrt(1 + math.exp(value)) for value in levels]
    for step, level in enumerate(levels):
        logsnr = torch.full((len(z),), level, device=z.device)
        eps = network(z, logsnr, label)
        if w is not None:
            unconditional = network(z, logsnr, null)
            eps = unconditional + (1 + w) * (eps - unconditional)
        x = (z - sigmas[step] * eps) / alphas[step]
        if step + 1 < len(levels):
            z = alphas[step + 1] * x + sigmas[step + 1] * eps
    return x


def in_turn(tasks: dict[str, Callable[[], object]], device: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of every task, `rounds` times, one after another in each round; a first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if torch.device(device).type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


@torch.inference_mode()
def overhead(device: str, rounds: int = 30) -> dict[str, dict[str, float]]:
    """Microseconds per step of DDIM at batch 64, conditional and guided, ours and by hand, and the ratio of ours to it.

    The ratio is the median over rounds of the ratio within a round, so that a busy machine weighs on both sides.
    """
    network, levels = Multiplication(), CosineLogSNR().grid(STEPS)
    z, label = torch.randn(BATCH, *SHAPE, device=device), torch.arange(BATCH, device=device) % CLASSES
    model, values = NetworkDenoiser(network, CLASSES), levels.tolist()
    guided, ddim = METHODS["classifier-free"](w=W)(model), SAMPLERS["ddim"]()
    seconds = in_turn(
        {
            "conditional, by hand": lambda: by_hand(network, z, values, label, None),
            "conditional": lambda: ddim(model, z, levels, label, torch.Tensor),
            "classifier-free, by hand": lambda: by_hand(network, z, values, label, W),
            "classifier-free": lambda: ddim(guided, z, levels, label, torch.Tensor),  # DDIM asks for no noise
        },
        device,
        rounds,
    )
    table = {}
    for name in ("conditional", "classifier-free"):
        ours, theirs = seconds[name], seconds[f"{name}, by hand"]
        table[name] = {
            "microseconds per step": 1e6 * statistics.median(ours) / STEPS,
            "by hand": 1e6 * statistics.median(theirs) / STEPS,
            "ratio": statistics.median(one / other for one, other in zip(ours, theirs)),
        }
    return table


@torch.inference_mode()
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
    """What `guidance-bench speed` prints."""
    from experiments.device import resolve
    from experiments.graph.executors import one_thread
    from experiments.graph.provenance import device_name

    device = resolve(device)
    one_thread()  # as the studies do
    yield f"{device_name(device)}, one thread, DDIM, {BATCH} x {SHAPE}, network: one multiplication; microseconds per step"
    for name, row in overhead(device).items():
        yield f"  {name:17}" + "   ".join(f"{key} {value:.3g}" for key, value in row.items())
    yield f"\nconditional and null branch of a U-Net, {BATCH} images, by rows per call (--set rows=...); milliseconds"
    measured = policies(device)
    for rows, milliseconds in measured.items():
        mark = "  fastest" if milliseconds == min(measured.values()) else ""
        yield f"  {rows:>4}  {milliseconds:8.1f}{mark}"
