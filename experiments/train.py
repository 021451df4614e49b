"""How a denoiser is trained, and what every training shares. Classifiers: experiments.train_classifiers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from analysis.files import write_atomically
from experiments.config import Config
from experiments.early_stopping import EarlyStopping
from experiments.fit import fit
from experiments.networks import DenoiserConfig
from experiments.runs import Store, write_json
from experiments.worlds import WORLDS, Labelled
from guidance.learned_variance import learned_variance_loss
from guidance.objective import denoising_loss, eps_loss
from guidance.seeding import SampleNoise

LEVELS = (-10.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 10.0)  # of lambda, at which held-out figures are recorded


def train_denoiser(store: Store, config: DenoiserConfig, device: str) -> Path:
    """The run of the diffusion model: Algorithm 1 of Ho & Salimans."""
    world = WORLDS[config.world]()

    aim, weighting = config.objective, config.objective.weighting.build(config.logsnr.build().density)

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, eps, logsnr, label = noisy_batch(world.train, config, g)
        label = config.drop(label, torch.rand(len(x), generator=g), world)
        if aim.variance != "fixed":
            return bound_losses(network, config, *to(device, x, eps, label), g)
        return denoising_loss(network, *to(device, x, eps, logsnr, label), aim.target, weighting)

    def judge(network: nn.Module) -> dict:
        def null_loss(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            return eps_loss(network, x, eps, logsnr, torch.full_like(label, world.classes + config.known_groups), aim.target)

        conditional = by_level(world.held_out, device, partial(eps_loss, network, target=aim.target))
        null = by_level(world.held_out, device, null_loss)
        return {"held_out_eps_loss_conditional": conditional, "held_out_eps_loss_null": null}

    return train_network(store, "denoiser", config, config.build(world), losses, judge, device)


def bound_losses(network: nn.Module, config: DenoiserConfig, x: Tensor, eps: Tensor, label: Tensor, g: torch.Generator) -> Tensor:
    """L_hybrid, or L_vlb with its terms drawn by importance, over the grid that the density makes of `levels`."""
    aim, uniform = config.objective, torch.rand(len(x), generator=g).to(x)
    levels = config.logsnr.build().grid(aim.levels)
    options = {"target": aim.target, "bin_width": aim.bin_width}
    if aim.variance == "hybrid":
        index = (uniform * aim.levels).long().clamp(max=aim.levels - 1)
        return learned_variance_loss(network, x, eps, label, levels, index, **options)
    index, weight = network.importance(uniform)
    terms = learned_variance_loss(network, x, eps, label, levels, index, hybrid=False, **options)
    network.importance.update(index, terms)
    return weight * terms


def batch(images: Labelled, size: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """x and label of `size` images, drawn with replacement."""
    chosen = torch.randint(len(images.x), (size,), generator=g)
    return images.x[chosen], images.label[chosen]


def noisy_batch(images: Labelled, config: Config, g: torch.Generator) -> tuple[Tensor, ...]:
    """x, eps, logsnr, label of one training step, lambda by the density of the configuration."""
    x, label = batch(images, config.fit.batch, g)
    logsnr = config.logsnr.build()(torch.rand(len(x), generator=g))
    return x, torch.randn(x.shape, generator=g), logsnr, label


def to(device: str, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors on `device`."""
    return tuple(tensor.to(device) for tensor in tensors)


def by_level(images: Labelled, device: str, value: Callable[..., Tensor]) -> dict[str, float]:
    """The mean of `value(x, eps, logsnr, label)` over `images` at each of LEVELS, from the same noise every time."""
    eps, found = SampleNoise(0, range(len(images.x)), images.x.shape[1:])(), {}
    for level in LEVELS:
        parts = zip(images.x.split(500), eps.split(500), torch.full((len(eps),), level).split(500), images.label.split(500))
        found[f"{level:g}"] = torch.cat([value(*to(device, *part)) for part in parts]).mean().item()
    return found


def train_network(
    store: Store,
    kind: str,
    config: Config,
    network: nn.Module,
    losses: Callable[[nn.Module, torch.Generator], Tensor],
    judge: Callable[[nn.Module], dict],
    device: str,
    stopping: EarlyStopping | None = None,
) -> Path:
    """The run `kind` of `config`: model.safetensors (the EMA), metrics.json (held-out figures), log.json (losses, and looks)."""

    def build(folder: Path) -> None:
        network.to(device)
        unfinished = store.partial(store.path(kind, config))
        ema, log = fit(network, partial(losses, network), config.fit, config.seed, unfinished, f"{kind} {config.seed}", stopping)
        network.load_state_dict(ema)
        with torch.no_grad():
            write_json(folder / "metrics.json", judge(network.eval()))
        write_atomically(folder / "model.safetensors", save({name: value.contiguous() for name, value in ema.items()}))
        looks = {"held_back_nll": stopping.looks} if stopping else {}
        write_json(folder / "log.json", {"loss": log} | looks)

    return store.make(kind, config, build)
