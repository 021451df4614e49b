"""The price of samples: evaluations by the method's formula, at the lambdas at which the sampler asks."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from experiments.pricing.machine import SECONDS, seconds_of
from experiments.pricing.networks import unit
from experiments.pricing.price import RUN, Price
from experiments.tasks.drawing import WARM_UP, WATCHED, warm_up
from experiments.tasks.roles import CPU_ROWS
from guidance.control import step_start
from guidance.cost import NFE
from guidance.denoiser import Clipped, NetworkDenoiser
from guidance.diffusion import Prediction, from_x
from guidance.level import level_of
from guidance.methods import METHODS
from guidance.sampling import sample as draw

PARTS = {
    "denoiser": ("denoiser_forward", "denoiser_backward"),
    "classifier": ("classifier_forward", "classifier_backward"),
    "weak": ("weak_forward", None),
}
LEVELS = 6  # of the trajectory that is probed
ROW = 16  # bytes of a label and an index


def price_sample(task: Any, machine: Any, known: dict[str, Any]) -> Price:
    """All trajectories, and one to warm up."""
    batch, levels = batch_of(task), task.grid(task.density, task.steps)
    rows = min(batch, task.rows or CPU_ROWS)
    calls = lambdas(task, task.steps)
    total = evaluations(task, calls)
    flops, seconds, memory = 0.0, 0.0, 4.0 * task.n * math.prod(task.world.shape)
    for part, (forward, backward) in PARTS.items():
        ahead, back = getattr(total, forward), getattr(total, backward) if backward else 0
        if not (ahead or back):
            continue
        one = unit(task, part, rows, levels[len(levels) // 2].item(), back > 0, machine, known)
        flops += ahead * one.forward[0] + back * one.backward[0]
        seconds += ahead * one.forward[1] + back * one.backward[1]
        memory += one.weights + one.peak
    if machine.measures:
        seconds += task.n * len(calls) * _loop(task, batch, known)
    disk = task.n * (math.prod(task.world.shape) * (4 if task.world.exact else 1) + ROW) + 60 * len(calls) + RUN
    shares = getattr(getattr(task.model, "network", None), "label_from", 0)  # whose branches cost less than the formula says
    return Price(flops, seconds, memory, disk, bound=bool(task.method.nfe_is_upper_bound or shares) and task.method.w != 0)


def evaluations(task: Any, calls: list[float]) -> NFE:
    """Rows through each network: of samples, of what warms up, and of what a method that asks no null branch is compared to."""
    asked = "null" in task.method.requires_model
    missing = sum(not (asked and task.method.acts(logsnr)) for logsnr in calls)
    if "strength" in task.method.requires_model:  # which asks no plain conditional branch either
        missing += sum(task.method.acts(logsnr) for logsnr in calls)
    compared = NFE(denoiser_forward=1) * (min(WATCHED, batch_of(task)) * missing)
    first = asked_at(task, warm_up(task.grid(task.density, task.steps)))
    return task.method.nfe(calls) * task.n + task.method.nfe(first) * min(WARM_UP, task.n) + compared


def batch_of(task: Any) -> int:
    """Samples per trajectory."""
    return min(task.batch, task.n)


def lambdas(task: Any, steps: int) -> list[float]:
    """At which lambdas a sampler asks in so many steps on the grid of a task."""
    return asked_at(task, task.grid(task.density, steps))


def asked_at(task: Any, levels: Tensor) -> list[float]:
    """At which lambdas a sampler asks on these; of later calls of a step, the one at its start, as `Method.nfe` takes them."""
    asked: list[float] = []

    def denoiser(z: Tensor, logsnr: Tensor, label: Tensor) -> Prediction:
        asked.append(step_start(level_of(logsnr)))
        x = torch.zeros_like(z)
        return from_x(z, x, logsnr)._replace(variance_fraction=x)  # for samplers that take a learned one

    z = torch.zeros(1, 1, 1, 1)
    task.sampler(denoiser, z, levels, torch.zeros(1, dtype=torch.long), lambda: torch.zeros_like(z))
    return asked


class Free(nn.Module):
    """A network that costs one multiplication; learned: with a variance, as a sampler without a v needs it."""

    conditioned_on = "logsnr"

    def __init__(self, learned: bool):
        super().__init__()
        self.learned = learned

    def forward(self, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        return torch.cat([0.5 * z, torch.zeros_like(z)], 1) if self.learned else 0.5 * z


def _loop(task: Any, batch: int, known: dict[str, Any]) -> float:
    """Seconds of noise, sampler, classifier-free guidance and clipping, by row and call, the networks costing nothing."""
    key = f"loop {task.sampler} {tuple(task.world.shape)} {batch} {task.clip}"
    if key not in known:
        levels, label = task.grid(task.density, max(2, min(LEVELS, task.steps))), torch.arange(batch) % task.world.classes
        free = Free(learned=getattr(task.sampler, "v", 0) is None)
        guided = METHODS["classifier-free"](w=1.0)(NetworkDenoiser(free, task.world.classes))
        guided = Clipped(guided, -task.clip, task.clip) if task.clip else guided
        shape, asked = tuple(task.world.shape), len(lambdas(task, len(levels)))
        taken = seconds_of(lambda: draw(guided, task.sampler, levels, label, shape, 0), budget=SECONDS / 2)
        known[key] = taken / (batch * asked)
    return known[key]
