"""The training loop: every step has a generator of its own, so a killed run goes on to the same weights, bit for bit."""

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from analysis.files import write_atomically
from experiments import launch
from experiments.collectives import add_up, decided
from experiments.fields import Count
from experiments.graph.files import sha256
from experiments.graph.value import value
from experiments.problems import Failed, Problem
from experiments.progress import bar
from experiments.tasks.early_stopping import EarlyStopping
from guidance.seeding import INDICES

KEEP = 2  # checkpoints


@value
class Fit:
    """How a network is fitted: AdamW, linear warm-up, cosine decay to zero, gradient norm at most 1, EMA of weights.

    patience: of a noise-aware classifier: a tenth of the training images is held back, their likelihood looked at every
    `look_every` steps, and training ends when it has not risen at so many looks; the best weights are kept (0: all steps and
    images, the last weights). snapshots: steps after which the EMA of the weights is kept too (experiments.tasks.snapshot).
    rows: the most of a batch per forward and backward, whose gradients are added up (None: all). precision: "bfloat16" evaluates
    the network under torch's autocast; weights, their EMA and the optimiser stay float32.
    """

    steps: Annotated[int, Field(ge=1, le=INDICES)]
    batch: Annotated[int, Field(ge=2)] = 128
    lr: Annotated[float, Field(gt=0)] = 1e-3
    warmup: Annotated[int, Field(ge=0)] = 100
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    patience: Annotated[int, Field(ge=0)] = 0
    look_every: Annotated[int, Field(ge=1)] = 100
    snapshots: tuple[Count, ...] = ()
    rows: Count | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def passes_its_snapshots(self) -> "Fit":
        if self.snapshots and self.patience:
            raise ValueError("snapshots: with patience, training may end before them; leave one of them out")
        if beyond := [step for step in self.snapshots if step >= self.steps]:
            raise ValueError(f"snapshots: step {beyond[0]} is not before the last of {self.steps}; leave it out")
        return self


def fit(
    network: nn.Module,
    loss: Callable[[torch.Generator], Tensor | Iterable[Tensor]],
    config: Fit,
    stream: Callable[[int], torch.Generator],
    partial: Path,
    title: str,
    stopping: EarlyStopping | None = None,
    averaged: Callable[[dict[str, Tensor]], None] | None = None,
) -> tuple[dict[str, Tensor], list[float]]:
    """The EMA of the weights of `network` after `config.steps` steps, or `stopping`'s best, and the loss of every step.

    loss: the losses (b,) of a batch, all its randomness from the given CPU generator, which is stream(step); or those of parts of
    it, which are this rank's in a launch. Checkpoints go to `partial`, and the newest one there is where it starts. Failed at the
    first non-finite loss or gradient, before it does harm. In a launch rank 0 alone averages, stops and writes. averaged: is
    given the EMA before the first step, tensors that change as it does, for a loss that evaluates it; then every rank averages.
    """
    lay_out(network)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    other = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": other, "weight_decay": 0.0}]
    fused = not any(p.is_complex() for p in network.parameters())
    optimiser = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=fused)
    own = network.state_dict()  # the tensors themselves, as they change
    ema = {name: value.detach().clone() for name, value in own.items()}
    first, losses = resume(partial, network, optimiser, ema, stopping)
    network.train()
    if averaged is not None:
        averaged(ema)

    def keep(after: int) -> bool:
        if stopping is not None:
            stopping.look(after, ema)
        if after in config.snapshots:
            write_atomically(partial / snapshot_file(after), weights(ema))
        if after % config.checkpoint_every == 0 and after < config.steps:
            checkpoint(partial, after, network, optimiser, ema, losses, stopping)
        return stopping is not None and stopping.over

    over = stopping is not None and stopping.over
    gpus = [p.device for p in network.parameters() if p.is_cuda][:1]
    with torch.random.fork_rng(gpus), bar(title, config.steps, "step", first) as shown:
        for step in range(first, config.steps):
            if over:
                break
            for group in optimiser.param_groups:
                group["lr"] = config.lr * learning_rate_factor(step, config)
            g = stream(step)
            of_layers = int(torch.randint(2**63 - 1, (), generator=g))  # dropout takes its numbers from torch's own generators
            of_layers = (of_layers + launch.rank()) % 2**63
            torch.default_generator.manual_seed(of_layers)
            if gpus:
                torch.cuda.manual_seed(of_layers)
            mean = add_up(network.parameters(), backward(loss(g), config.batch, optimiser))
            norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            if not (math.isfinite(mean.item()) and math.isfinite(norm.item())):
                kept = max(partial.glob("step-*"), default=None)
                raise Failed(
                    f"{title}: the loss is {mean.item()} and the gradient's norm {norm.item()} at step {step}: lower "
                    f"the learning rate ({config.lr}); the last good checkpoint is {kept or 'none yet'}"
                )
            give_one_layout(network)
            optimiser.step()
            if launch.rank() == 0 or averaged is not None:
                update_ema(ema, own, min(config.ema, (1 + step) / (10 + step)))
            losses.append(mean.item())
            shown.update()
            shown.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}", refresh=False)
            if (step + 1) % config.checkpoint_every == 0 or step + 1 in config.snapshots or (stopping and stopping.due(step + 1)):
                over = decided(functools.partial(keep, step + 1))
    ema = stopping.best if stopping is not None and stopping.best else ema
    if not all(value.isfinite().all() for value in ema.values()):
        raise Failed(f"{title}: weights are not finite after the last step: lower the learning rate ({config.lr})")
    return ema, losses


def lay_out(network: nn.Module) -> None:
    """4-D weights in channels_last, fastest for convolutions; none with gaps or overlaps, which the fused step writes over."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        elif torch.empty_like(weight).stride() != weight.stride():
            weight.data = weight.data.contiguous()


def give_one_layout(network: nn.Module) -> None:
    """Gradients in memory in the order of their weights, since the fused step pairs them by place. Sums may give another."""
    for weight in network.parameters():
        if weight.grad is not None and not weight.grad.is_sparse and weight.grad.stride() != weight.stride():
            weight.grad = torch.empty_like(weight).copy_(weight.grad)


def backward(losses: Tensor | Iterable[Tensor], size: int, optimiser: torch.optim.Optimizer) -> Tensor:
    """The mean of the losses (b,) of a batch, or of this rank's parts of a batch of `size`, its share; and their gradient."""
    whole = len(losses) if isinstance(losses, Tensor) else size
    total: Tensor | None = None
    for part in [losses] if isinstance(losses, Tensor) else losses:
        share = part.mean() * (len(part) / whole)
        if total is None:
            optimiser.zero_grad()
        share.backward()
        total = share.detach() if total is None else total + share.detach()
    assert total is not None
    return total


def snapshot_file(step: int) -> str:
    """The name of the file that holds the weights after so many steps."""
    return f"after-{step:07d}.safetensors"


def weights(state: dict[str, Tensor]) -> bytes:
    """A state of a network as a safetensors file."""
    return save({name: held.contiguous() for name, held in state.items()})


def learning_rate_factor(step: int, config: Fit) -> float:
    """Linear from 0 to 1 over the warm-up, then half a cosine to 0 at the last step."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    return 0.5 + 0.5 * math.cos(math.pi * (step - config.warmup) / max(1, config.steps - config.warmup))


@torch.no_grad()
def update_ema(ema: dict[str, Tensor], own: dict[str, Tensor], decay: float) -> None:
    """ema <- decay ema + (1 - decay) own, in place; what is not a float (counters) is copied."""
    floats = [name for name, held in own.items() if held.is_floating_point() or held.is_complex()]
    torch._foreach_lerp_([ema[name] for name in floats], [own[name] for name in floats], 1 - decay)
    for name in own.keys() - set(floats):
        ema[name].copy_(own[name])


def checkpoint(
    partial: Path, step: int, network: nn.Module, optimiser, ema: dict, losses: list[float], stopping: EarlyStopping | None
) -> None:
    """Writes all that the next step needs to one file, its name holding its sha256, and drops older ones."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state |= {f"ema.{name}": value for name, value in ema.items()}
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


def resume(partial: Path, network: nn.Module, optimiser, ema: dict, stopping: EarlyStopping | None) -> tuple[int, list[float]]:
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
    for name, own in part("ema.").items():
        ema[name].copy_(own)
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
