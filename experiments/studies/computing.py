"""How the networks of a study compute: which choice a cell can take, what its name says of it, and which one pays on a device."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from experiments.graph.store import Store
from experiments.pricing.untrained import untrained
from experiments.problems import Problem
from experiments.tasks.roles import most_rows
from experiments.tasks.sources import network_of
from guidance.compute import Compute, probe


def choices(compute: Compute, method: Any, exact: bool, beside: bool) -> list[Compute]:
    """The choices that a cell is made with: the given one, eager where the method cannot be captured, and the plain one of an
    exact model. beside: float32 too, if it is lossy, so that the table shows what that changes.
    """
    if exact:
        return [Compute()]
    own = replace(compute, graph=compute.graph and not method.decides_by_value)
    lossless = [replace(own, precision="float32")] if beside and compute.precision != "float32" else []
    return [own, *lossless]


def of_compute(compute: Compute) -> str:
    """What the name of a cell says of it: only what is lossy."""
    return "" if compute.precision == "float32" else f" ({compute.precision})"


def probed(study: Any, device: str, lossy: bool, tell: Callable[[str], None]) -> Any:
    """The study with the choice that its denoiser is fastest with on this device; its words to be set again are told.

    Problem for a study without a network.
    """
    source = study.network("model", study.train_seeds[0]) if hasattr(study, "compute") else None
    if source is None:
        raise Problem("probe: this study has no networks whose way to compute could be chosen")
    gpu, rows = torch.device(device).type == "cuda", min(study.batch, most_rows(study.rows, device) or study.batch)
    network = network_of(untrained(source).play("model", {}, Store(study.name), device)["model"])
    inputs = (torch.randn(rows, *study.world.shape), torch.zeros(rows), torch.zeros(rows, dtype=torch.long))
    chosen, seconds = probe(network, tuple(each.to(device) for each in inputs), lossy, compile=gpu)
    for way, taken in seconds.items():
        tell(f"  {1e3 * taken:8.1f} ms  {words(way) or 'as it is'}{'  <- taken' if way == chosen else ''}")
    return replace(study, compute=chosen)


def words(compute: Compute) -> str:
    """The settings that make this choice again."""
    plain = Compute()
    changed = {name: held for name, held in vars(compute).items() if held != getattr(plain, name)}
    return " ".join(f"--set compute.{name}={str(held).lower()}" for name, held in changed.items())
