"""The three networks of a study: the joint diffusion model, the classifier that guides, the evaluator that judges."""

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file, save
from torch import Tensor, nn

from classifiers.augment import random_affine
from classifiers.evaluator import Evaluator
from classifiers.noise_aware import NoiseAware, noisy_cross_entropy
from experiments.config import Config
from experiments.data import WORLDS, Images, World
from experiments.files import write
from experiments.fit import FitConfig, fit
from experiments.runs import Store, check, read_json, write_json
from guidance.backbones.unet import UNet
from guidance.diffusion import add_noise
from guidance.objective import drop_labels, eps_loss
from guidance.schedules import CosineLogSNR
from guidance.seeding import SampleNoise

LEVELS = (-10.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 10.0)  # of lambda, at which held-out figures are recorded


def seeded(build: Callable) -> Callable:
    """`build`, whose random initial weights depend on the configuration's seed alone."""

    @wraps(build)
    def building(self, world: World) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return build(self, world)

    return building


class LogSNRConfig(Config):
    """The ends of the truncated cosine density of lambda (-20 and 20 in the paper)."""

    min: float = -20.0
    max: float = 20.0


class UNetConfig(Config):
    """The arguments of guidance.backbones.unet.UNet."""

    width: int = 24
    multipliers: tuple[int, ...] = (1, 2)
    blocks: int = 1
    attention: tuple[int, ...] = (1,)
    dropout: float = 0.0


class DenoiserConfig(Config):
    """The joint conditional and unconditional model; p_uncond is the share of labels dropped in training."""

    world: str = "digits"
    seed: int = 0
    p_uncond: Annotated[float, Field(gt=0, lt=1)] = 0.1
    logsnr: LogSNRConfig = LogSNRConfig()
    network: UNetConfig = UNetConfig()
    fit: FitConfig = FitConfig(steps=2500, lr=2e-3)

    @seeded
    def build(self, world: World) -> nn.Module:
        return UNet(world.train.x.shape[1], world.classes, **self.network.model_dump())


class ClassifierConfig(Config):
    """The noise-aware classifier: any timm classification model; size is the side that images are enlarged to."""

    world: str = "digits"
    seed: int = 0
    arch: str = "test_resnet"
    size: int = 16
    logsnr: LogSNRConfig = LogSNRConfig()
    fit: FitConfig = FitConfig(steps=1200, weight_decay=0.05)

    @seeded
    def build(self, world: World) -> nn.Module:
        return NoiseAware(self.arch, world.train.x.shape[1], world.classes, self.size)


class EvaluatorConfig(Config):
    """The judge: another architecture, trained on clean images with another seed, never used to guide.

    augment: whether it is trained on images turned, enlarged and shifted a little. A judge that knows the training
    images by heart finds held-out real images stranger than generated ones.
    """

    world: str = "digits"
    seed: int = 900
    arch: str = "test_byobnet"
    size: int = 16
    augment: bool = True
    fit: FitConfig = FitConfig(steps=1200, weight_decay=0.05)

    @seeded
    def build(self, world: World) -> nn.Module:
        return Evaluator(self.arch, world.train.x.shape[1], world.classes, self.size)


def train_denoiser(store: Store, config: DenoiserConfig, device: str) -> Path:
    """The run of the diffusion model: Algorithm 1 of Ho & Salimans."""
    world = WORLDS[config.world]()

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, eps, logsnr, label = noisy_batch(world.train, config, g)
        label = drop_labels(label, torch.rand(len(x), generator=g), config.p_uncond, world.classes)
        return eps_loss(network, *to(device, x, eps, logsnr, label))

    def judge(network: nn.Module) -> dict:
        def null_loss(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            return eps_loss(network, x, eps, logsnr, torch.full_like(label, world.classes))

        conditional = by_level(world.held_out, device, partial(eps_loss, network))
        null = by_level(world.held_out, device, null_loss)
        return {"held_out_eps_loss_conditional": conditional, "held_out_eps_loss_null": null}

    return _train(store, "denoiser", config, config.build(world), losses, judge, device)


def train_classifier(store: Store, config: ClassifierConfig, device: str) -> Path:
    """The run of the noise-aware classifier, trained on z_lambda over the density of lambda of the diffusion model."""
    world = WORLDS[config.world]()

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        return noisy_cross_entropy(network, *to(device, *noisy_batch(world.train, config, g)))

    def judge(network: nn.Module) -> dict:
        def correct(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            return (network(add_noise(x, eps, logsnr), logsnr).argmax(-1) == label).float()

        nll = by_level(world.held_out, device, partial(noisy_cross_entropy, network))
        return {"held_out_nll": nll, "held_out_accuracy": by_level(world.held_out, device, correct)}

    return _train(store, "classifier", config, config.build(world), losses, judge, device)


def train_evaluator(store: Store, config: EvaluatorConfig, device: str) -> Path:
    """The run of the evaluator, trained on clean images."""
    world = WORLDS[config.world]()

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, label = batch(world.train, config.fit.batch, g)
        x = random_affine(x, g) if config.augment else x
        return F.cross_entropy(network(x.to(device)), label.to(device), reduction="none")

    def judge(network: nn.Module) -> dict:
        logits, label = network(world.held_out.x.to(device)).cpu(), world.held_out.label
        accuracy = (logits.argmax(-1) == label).float().mean().item()
        return {"held_out_nll": F.cross_entropy(logits, label).item(), "held_out_accuracy": accuracy}

    return _train(store, "evaluator", config, config.build(world), losses, judge, device)


def batch(images: Images, size: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """x and label of `size` images, drawn with replacement."""
    chosen = torch.randint(len(images.x), (size,), generator=g)
    return images.x[chosen], images.label[chosen]


def noisy_batch(images: Images, config: DenoiserConfig | ClassifierConfig, g: torch.Generator) -> tuple[Tensor, ...]:
    """x, eps, logsnr, label of one training step, lambda by the truncated cosine density."""
    x, label = batch(images, config.fit.batch, g)
    logsnr = CosineLogSNR(config.logsnr.min, config.logsnr.max)(torch.rand(len(x), generator=g))
    return x, torch.randn(x.shape, generator=g), logsnr, label


def to(device: str, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors on `device`."""
    return tuple(tensor.to(device) for tensor in tensors)


def by_level(images: Images, device: str, value: Callable[..., Tensor]) -> dict[str, float]:
    """The mean of `value(x, eps, logsnr, label)` over `images` at each of LEVELS, from the same noise every time."""
    eps = SampleNoise(0, range(len(images.x)), images.x.shape[1:])()
    levels = {f"{level:g}": torch.full((len(eps),), level) for level in LEVELS}
    return {name: value(*to(device, images.x, eps, logsnr, images.label)).mean().item() for name, logsnr in levels.items()}


def _train(
    store: Store,
    kind: str,
    config: Config,
    network: nn.Module,
    losses: Callable[[nn.Module, torch.Generator], Tensor],
    judge: Callable[[nn.Module], dict],
    device: str,
) -> Path:
    """The run `kind` of `config`: model.safetensors (the EMA), metrics.json (held-out figures), log.json (the loss)."""

    def build(folder: Path) -> None:
        network.to(device)
        unfinished = store.partial(store.path(kind, config))
        ema, log = fit(network, partial(losses, network), config.fit, config.seed, unfinished, f"{kind} {config.seed}")
        network.load_state_dict(ema)
        with torch.inference_mode():
            write_json(folder / "metrics.json", judge(network.eval()))
        write(folder / "model.safetensors", save({name: value.contiguous() for name, value in ema.items()}))
        write_json(folder / "log.json", {"loss": log})

    return store.make(kind, config, build)


def load(path: Path, config_type: type[Config], device: str) -> tuple[nn.Module, Config]:
    """A trained network, in evaluation mode and frozen, and its configuration. Problem if the run is not whole."""
    check(path)
    config = config_type.model_validate(read_json(path / "config.json"))
    network = config.build(WORLDS[config.world]())
    network.load_state_dict(load_file(path / "model.safetensors"))
    return network.to(device).eval().requires_grad_(False), config
