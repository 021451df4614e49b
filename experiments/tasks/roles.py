"""The roles that a method declares, played by a sample's sources, and the modules that network evaluations are counted at."""

from typing import Any, NamedTuple

import torch
from torch import nn

from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.tasks.sources import Guide, network_of
from guidance.compute import Compute, prepare
from guidance.denoiser import Denoiser

PLAIN = Compute()


CPU_ROWS = 250  # more do not fit its caches


def most_rows(rows: int | None, device: str) -> int | None:
    """The most rows per call of a network: those asked for, or on a CPU CPU_ROWS, and on a GPU what its memory holds."""
    return rows or (CPU_ROWS if torch.device(device).type == "cpu" else None)


class Roles(NamedTuple):
    """The roles by name, and the modules at which calls are counted."""

    of: dict[str, Any]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module | None


def load_roles(
    model: Any,
    others: dict[str, Any],
    wanted: tuple[str, ...],
    store: Store,
    device: str,
    rows: int | None,
    compute: Compute = PLAIN,
) -> Roles:
    """What the sources play, every network of theirs computing as `compute` says. Problem where the model is no Denoiser."""
    rows = most_rows(rows, device)
    roles = dict(model.play("model", {}, store, device, rows))
    if not callable(roles.get("model")) or (isinstance(roles["model"], nn.Module) and not isinstance(roles["model"], Denoiser)):
        raise Problem(f"{type(model).__name__} plays no Denoiser: it must give (z, logsnr, label) -> Prediction as 'model'")
    second = []
    for role, source in others.items():
        roles |= source.play(role, roles, store, device, rows)
        if role in ("weak", "unconditional"):
            second.append(network_of(roles[role]))
    if not second and "weak" in roles:  # the exact world plays both
        second = [roles["unconditional" if "unconditional" in wanted else "weak"]]
    counted = [roles[role] for role in ("clean", "discriminator", "loss") if role in roles]
    guide = others.get("classifier")
    if "classifier" in roles and not (isinstance(guide, Guide) and guide.implicit):  # that one is counted at the denoiser
        counted.append(roles["classifier"])
    loaded = Roles(roles, network_of(roles["model"]), nn.ModuleList(counted), second[0] if second else None)
    if compute != PLAIN:
        for network in (loaded.denoiser, *loaded.classifiers, loaded.weak):
            if network is not None:
                prepare(network, compute)
    return loaded
