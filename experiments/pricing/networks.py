"""What one row through a network costs, by the role that the network has, forward and backward."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from experiments.graph.store import Store
from experiments.graph.value import digest, encode
from experiments.pricing.counting import Count, count_call, size_of
from experiments.pricing.untrained import Untrained, untrained
from experiments.tasks.roles import Roles, load_roles
from guidance.methods.roles import CALLED

NOWHERE = Store(Path("nowhere"))  # no task is opened there: trainings play untrained
SECOND = ("weak", "unconditional")
CLASSIFIERS = ("classifier", "clean", "discriminator", "loss")


class Unit(NamedTuple):
    """A row forward, and a row backward alone, in FLOPs and seconds; bytes of the weights, and of a call of `rows` rows."""

    forward: tuple[float, float]
    backward: tuple[float, float]
    weights: int
    peak: float


def unit(sample: Any, part: str, rows: int, logsnr: float, backward: bool, machine: Any, known: dict[str, Any]) -> Unit:
    """The unit of "denoiser", "weak" or "classifier" of a sample; found once for all samples with that network."""
    role = role_of(part, sample)
    source = sample.others.get(role, sample.others.get("clean") if role == "loss" else None)
    of = [sample.model] if part == "denoiser" else [sample.model, source, role]
    key = f"{part} {rows} {backward} {digest(encode(untrained(tuple(of)), expand=True))}"
    if key not in known:
        known[key] = _unit(sample, part, rows, logsnr, backward, machine)
    return known[key]


def _unit(sample: Any, part: str, rows: int, logsnr: float, backward: bool, machine: Any) -> Unit:
    module, arguments = network(load(sample, machine), part, role_of(part, sample))
    z = torch.randn(rows, *sample.world.shape, generator=torch.Generator().manual_seed(0))
    inputs = (z, torch.full((rows,), logsnr), torch.arange(rows) % sample.world.classes)
    call = caller(arguments)
    found: list[tuple[Count, float]] = []
    for gradient in (False, True) if backward else (False,):
        count = count_call(call, module, inputs, gradient)
        found.append((count, machine.call(call, module, inputs, gradient, count)))
    (count, seconds), (both, seconds_of_both) = found[0], found[-1]
    return Unit(
        (count.flops / rows, seconds / rows),
        ((both.flops - count.flops) / rows, max(0.0, seconds_of_both - seconds) / rows),
        size_of(module),
        both.peak,
    )


def load(sample: Any, machine: Any) -> Roles:
    """Who plays the roles: untrained networks, without numbers where the device is a line of a table."""
    begun = untrained(sample)
    trained = all(isinstance(source, Untrained) for source in (begun.model, *begun.others.values()))
    device = "meta" if trained and not machine.measures else "cpu"
    return load_roles(begun.model, begun.others, begun.method.roles, NOWHERE, device, begun.rows)


def role_of(part: str, sample: Any) -> str:
    """The role of a method that a part of its cost is of; the first, where a classifier has several."""
    among = {"denoiser": ("model",), "weak": SECOND, "classifier": CLASSIFIERS}[part]
    return next((role for role in among if role in sample.method.roles), among[0])


def network(roles: Roles, part: str, role: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The module at which a part is counted, and what it is called with."""
    if part == "denoiser":
        return roles.denoiser, CALLED["model"]
    if part == "weak":
        return roles.weak, CALLED["weak"]
    role = "clean" if role == "loss" else role  # the loss of an image is the clean classifier's
    module = roles.of[role]
    return (module if isinstance(module, nn.Module) else _Called(module)), CALLED[role]


class _Called(nn.Module):
    """A role that is a plain function."""

    def __init__(self, function: Callable[..., Tensor]):
        super().__init__()
        self.function = function

    def forward(self, *given: Tensor) -> Tensor:
        return self.function(*given)


def caller(arguments: tuple[str, ...]) -> Callable[..., Tensor]:
    """Calls a module with those of (z, logsnr, label) that it takes, and gives a tensor of what it returns."""

    def call(module: nn.Module, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        given = {"z": z, "x": z, "logsnr": logsnr, "label": label}
        out = module(*(given[name] for name in arguments))
        return out[0] if isinstance(out, tuple) else out

    return call
