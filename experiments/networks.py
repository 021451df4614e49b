"""The three networks of a study: what configures them, how they are built, how they are found again."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import nn

from classifiers.evaluator import Evaluator
from classifiers.noise_aware import NoiseAware
from experiments.config import Config
from experiments.data import WORLDS, World
from experiments.fit import FitConfig
from experiments.runs import check, read_json
from guidance import EpsDenoiser
from guidance.backbones.unet import UNet


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


def load(path: Path, config_type: type[Config], device: str) -> tuple[nn.Module, Config]:
    """A trained network, in evaluation mode and frozen, and its configuration. Problem if the run is not whole."""
    check(path)
    config = config_type.model_validate(read_json(path / "config.json"))
    network = config.build(WORLDS[config.world]())
    network.load_state_dict(load_file(path / "model.safetensors"))
    return network.to(device).eval().requires_grad_(False), config


def load_denoiser(path: Path, device: str = "cpu", rows: int | None = 250) -> EpsDenoiser:
    """The trained diffusion model of the run `path`, ready to be guided and sampled from."""
    network, config = load(path, DenoiserConfig, device)
    return EpsDenoiser(network, WORLDS[config.world]().classes, rows)
