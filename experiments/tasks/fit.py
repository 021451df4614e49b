"""The training loop: every step has a generator of its own, so a killed run goes on to the same weights, bit for bit."""

import functools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from safetensors.torch import save
from torch import Tensor, nn

from analysis.files import write_atomically
from experiments import launch
from experiments.collectives import add_up, decided
from experiments.fields import Count
from experiments.graph.value import value
from experiments.problems import Failed
from experiments.progress import bar
from experiments.tasks.early_stopping import EarlyStopping
from experiments.tasks.fit_checkpoint import checkpoint, resume
from experiments.tasks.power_ema import Averages, average_file, beta
from guidance.seeding import INDICES


@value
class Fit:
    """How a network is fitted: AdamW, linear warm-up, cosine decay to zero, gradient norm at most 1, EMA of weights.

    patience: of a noise-aware classifier: a tenth of the training images is held back, their likelihood looked at every
    `look_every` steps, and training ends when it has not risen at so many looks; the best weights are kept (0: all steps and
    images, the last weights). snapshots: steps after which the EMA of the weights is kept too (experiments.tasks.snapshot).
    averages: further averages of the weights, which are kept too, and others rebuilt from (experiments.tasks.power_ema).
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
    averages: Averages | None = None

    @model_validator(mode="after")
    def passes_its_snapshots(self) -> "Fit":
        if self.snapshots and self.patience:
            raise ValueError("snapshots: with patience, training may end before them; leave one of them out")
        if self.averages is not None and self.patience:
            raise ValueError("averages: with patience, training may end before the last are kept; leave one of them out")
        if self.averages is not None and self.averages.every > self.steps:
            raise ValueError(f"averages.every: {self.averages.every} is beyond the last step, {self.steps}")
        if beyond := [step for step in self.snapshots if step >= self.steps]:
            raise ValueError(f"snapshots: step {beyond[0]} is not before the last of {self.steps}; leave it out")
        return self

    @property
    def kept(self) -> list[str]:
        """The files of weights that a training keeps beside those it ends with."""
        averages = self.averages.kept(self.steps) if self.averages is not None else []
        return [*map(snapshot_file, self.snapshots), *(average_file(*one) for one in averages)]


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
    sigmas = config.averages.sigmas if config.averages is not None else ()
    tracked = {sigma: {name: value.detach().clone() for name, value in own.items()} for sigma in sigmas}
    first, losses = resume(partial, network, optimiser, ema, stopping, tracked)
    network.train()
    if averaged is not None:
        averaged(ema)

    def keep(after: int) -> bool:
        if stopping is not None:
            stopping.look(after, ema)
        if after in config.snapshots:
            write_atomically(partial / snapshot_file(after), weights(ema))
        if config.averages is not None and config.averages.due(after, config.steps):
            for sigma, state in tracked.items():
                write_atomically(partial / average_file(sigma, after), weights(state))
        if after % config.checkpoint_every == 0 and after < config.steps:
            checkpoint(partial, after, network, optimiser, ema, losses, stopping, tracked)
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
                for sigma, state in tracked.items():
                    update_ema(state, own, beta(sigma, step + 1))
            losses.append(mean.item())
            shown.update()
            shown.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}", refresh=False)
            kept = config.averages is not None and config.averages.due(step + 1, config.steps)
            kept = kept or (step + 1) % config.checkpoint_every == 0 or step + 1 in config.snapshots
            if kept or (stopping and stopping.due(step + 1)):
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
