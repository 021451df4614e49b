"""Networks as values. Each builds what it can play: a denoiser, a classifier of noisy data, or one of clean data.

A package brings its own by the entry point guidance_bench.networks: a frozen dataclass with the methods it has a use for,
  denoiser(world, labels, learns_variance) -> (z, logsnr, label) -> what the objective trains it to say
  noisy_classifier(world) -> (z, logsnr) -> logits          clean_classifier(world) -> (x) -> logits, with features(x), head(f)

timm takes seconds to import: it is imported when a network is built, and what it refuses is refused then (studies.rehearse).
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from experiments.graph.value import value

Count = Annotated[int, Field(ge=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


@value
class UNet:
    """guidance.backbones.unet.UNet."""

    name: ClassVar[str] = "unet"
    width: Count = 24
    multipliers: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    blocks: Count = 1
    attention: tuple[int, ...] = (1,)
    dropout: Dropout = 0.0

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.unet import UNet as Network

        options = dataclasses.asdict(self)
        return Network(world.shape[0], labels, **options, learns_variance=learns_variance)


@value
class DiT:
    """guidance.backbones.dit.DiT."""

    name: ClassVar[str] = "dit"
    patch: Count
    width: Annotated[int, Field(ge=4)] = 64
    depth: Count = 4
    heads: Count = 2

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.dit import DiT as Network

        options = dataclasses.asdict(self)
        return Network(world.shape[0], labels, world.shape[-1], **options, learns_variance=learns_variance)


@value
class Timm:
    """Any timm classification model. size: the side that images are enlarged to, theirs at least.

    told: how it is told lambda when it classifies noisy data (classifiers.told); of clean data it is told nothing.
    """

    name: ClassVar[str] = "timm"
    arch: str = "test_resnet"
    size: Count = 16
    told: Literal["channel", "film", "none"] = "channel"

    def noisy_classifier(self, world: Any) -> nn.Module:
        from classifiers.noise_aware import NoiseAware

        return NoiseAware(self.arch, world.shape[0], world.classes, self.size, told=self.told)

    def clean_classifier(self, world: Any) -> nn.Module:
        from classifiers.evaluator import Evaluator

        return Evaluator(self.arch, world.shape[0], world.classes, self.size)


@value
class HalfUNet:
    """classifiers.half_unet.HalfUNet: the down half of a U-Net, told lambda by its normalisations."""

    name: ClassVar[str] = "half-unet"
    size: Count = 8
    width: Count = 24
    multipliers: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    blocks: Count = 1
    attention: tuple[int, ...] = (1,)
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def halves(self) -> "HalfUNet":
        if self.size % 2 ** (len(self.multipliers) - 1):
            raise ValueError(f"size: images of {self.size} cannot be halved {len(self.multipliers) - 1} times")
        return self

    def noisy_classifier(self, world: Any) -> nn.Module:
        from classifiers.half_unet import HalfUNet as Network

        return Network(world.shape[0], world.classes, **dataclasses.asdict(self))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random initial weights that depend on `seed` alone; what is drawn elsewhere is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def require(network: Any, role: str) -> Any:
    """The method of a network that builds this role. ValueError where it has none."""
    if (found := getattr(network, role, None)) is None:
        raise ValueError(f"network: {getattr(network, 'name', type(network).__name__)} is no {role.replace('_', ' ')}")
    return found
