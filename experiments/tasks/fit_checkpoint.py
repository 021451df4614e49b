"""Checkpoints of a training: all that its next step needs, in one file named after the step and the file's own sha256."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from analysis.files import write_atomically
from experiments.collectives import decided
from experiments.graph.files import sha256
from experiments.problems import Problem
from experiments.tasks.early_stopping import EarlyStopping

KEEP = 2  # checkpoints


def checkpoint(
    partial: Path,
    step: int,
    network: nn.Module,
    optimiser,
    ema: dict,
    losses: list[float],
    stopping: EarlyStopping | None,
    tracked: dict[float, dict[str, Tensor]],
) -> None:
    """Writes all that the next step needs to one file, its name holding its sha256, and drops older ones."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state |= {f"ema.{name}": value for name, value in ema.items()}
    for index, average in enumerate(tracked.values()):
        state |= {f"average{index}.{name}": value for name, value in average.items()}
    for index, moments in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    if not all(value.isfinite().all() for value in state.values()):
        return
    logs = {"losses": json.dumps(losses), "step": json.dumps(step)}
    if stopping is not None:
        state |= {f"best.{name}": value for name, value in stopping.best.items()}
        logs |= {"looks": json.dumps(stopping.looks)}
    content = save({name: value.contiguous() for name, value in state.items()}, logs)
    digest = hashlib.sha256(content).hexdigest()[:16]
    write_atomically(partial / f"step-{step:07d}-{digest}.safetensors", content)
    for old in sorted(partial.glob("step-*.safetensors"))[:-KEEP]:
        old.unlink(missing_ok=True)  # where files cannot be locked, two processes may train one network


def resume(
    partial: Path,
    network: nn.Module,
    optimiser,
    ema: dict,
    stopping: EarlyStopping | None,
    tracked: dict[float, dict[str, Tensor]],
) -> tuple[int, list[float]]:
    """Puts back the newest checkpoint of `partial`; the step to go on with, and the losses so far."""
    newest = decided(lambda: max(partial.glob("step-*.safetensors"), default=None))
    if newest is None:
        return 0, []
    _, step, digest = newest.stem.split("-")
    advice = "delete it to go on from the one before, or from the start"
    if sha256(newest)[:16] != digest:
        raise Problem(f"checkpoint {newest} is truncated or altered: {advice}")
    try:
        with safe_open(newest, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dictionary)
            logs = {name: json.loads(text) for name, text in file.metadata().items()}
    except (SafetensorError, ValueError, AttributeError, OverflowError) as error:
        raise Problem(f"checkpoint {newest} cannot be read ({error}): {advice}") from error
    if logs.get("step") != int(step) or len(logs.get("losses", ())) != int(step):
        raise Problem(f"checkpoint {newest} is named after another step than the one it holds, {logs.get('step')}: {advice}")
    part = lambda prefix: {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}  # noqa: E731
    network.load_state_dict(part("network."))
    for average, prefix in [(ema, "ema."), *((one, f"average{index}.") for index, one in enumerate(tracked.values()))]:
        for name, own in part(prefix).items():
            average[name].copy_(own)
    moments: dict[int, dict[str, Tensor]] = {}
    tensors = [weight for group in optimiser.param_groups for weight in group["params"]]
    for name, held in part("optimiser.").items():
        index, key = name.split(".")
        like = tensors[int(index)]  # the fused step goes through weights and moments in memory's order: it must be the same
        moments.setdefault(int(index), {})[key] = torch.empty_like(like).copy_(held) if held.shape == like.shape else held
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    if stopping is not None:
        stopping.best, stopping.looks = part("best."), logs["looks"]
    return int(step), logs["losses"]
