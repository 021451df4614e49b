"""The denoisers of a study: what configures them, and how they are built. Classifiers: experiments.classifier_networks."""

import dataclasses
from collections.abc import Callable
from functools import wraps
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from experiments.config import Choice, Config, either
from experiments.fit import FitConfig, Seed, WholeFit
from experiments.worlds import World
from guidance import DENSITIES
from guidance.backbones.unet import UNet
from guidance.learned_variance import ImportanceSampler
from guidance.objective import drop_labels, drop_two_labels
from guidance.weightings import WEIGHTINGS


def seeded(build: Callable) -> Callable:
    """`build`, whose random initial weights depend on the configuration's seed alone."""

    @wraps(build)
    def building(self, world: World) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            return build(self, world)

    return building


class DensityConfig(Choice):
    """The density of lambda that is trained on, and whose ends and quantiles sampling grids take."""

    kind: ClassVar = "density"
    registry: ClassVar = DENSITIES


COSINE = DensityConfig(name="cosine")


class WeightingConfig(Choice):
    """The weight of the denoising loss as a function of lambda."""

    kind: ClassVar = "weighting"
    registry: ClassVar = WEIGHTINGS
    own: ClassVar = ("density",)

    def build(self, density: Callable = torch.ones_like) -> Callable:
        """The weighting; `density` is p(lambda) of the lambdas trained on, for the one that asks for it."""
        asks = any(field.name == "density" for field in dataclasses.fields(self.registry[self.name]))
        return self.registry[self.name](**self.options, **({"density": density} if asks else {}))


class ObjectiveConfig(Config):
    """What the denoiser is trained to say and how its errors are weighed.

    variance: "fixed" (the sampler's v decides), or learned beside the mean over a grid of `levels` (Nichol & Dhariwal):
    "hybrid" adds a little of the bound, which teaches the variance alone; "bound" is the bound, its terms drawn by importance.
    Both take the place of the weighting. bin_width: of data with grey levels, for the bound's last term.
    """

    target: Literal["eps", "x", "v"] = "eps"
    weighting: WeightingConfig = WeightingConfig(name="simple")
    variance: Literal["fixed", "hybrid", "bound"] = "fixed"
    levels: Annotated[int, Field(ge=2)] = 1000
    bin_width: Annotated[float, Field(gt=0)] | None = None


class UNetConfig(Config):
    """The arguments of guidance.backbones.unet.UNet."""

    width: Annotated[int, Field(ge=1)] = 24
    multipliers: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 2)
    blocks: Annotated[int, Field(ge=1)] = 1
    attention: tuple[int, ...] = (1,)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def build(self, world: World, labels: int, learns_variance: bool) -> nn.Module:
        return UNet(world.shape[0], labels, **self.model_dump(), learns_variance=learns_variance)


class DiTConfig(Config):
    """The arguments of guidance.backbones.dit.DiT."""

    patch: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=4)] = 64
    depth: Annotated[int, Field(ge=1)] = 4
    heads: Annotated[int, Field(ge=1)] = 2

    def build(self, world: World, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.dit import DiT  # timm takes a second to import

        return DiT(world.shape[0], labels, world.shape[-1], **self.model_dump(), learns_variance=learns_variance)


class DenoiserConfig(Config):
    """The joint conditional and unconditional model; p_uncond is the share of labels dropped in training (1: all of them)."""

    world: str = "digits"
    seed: Seed = 0
    p_uncond: Annotated[float, Field(gt=0, le=1)] = 0.1
    logsnr: DensityConfig = COSINE
    objective: ObjectiveConfig = ObjectiveConfig()
    network: either(UNetConfig, DiTConfig, "patch") = UNetConfig()
    fit: WholeFit = FitConfig(steps=2500, lr=2e-3)

    @seeded
    def build(self, world: World) -> nn.Module:
        network = self.network.build(world, world.classes + self.known_groups, self.objective.variance != "fixed")
        if self.objective.variance == "bound":
            network.importance = ImportanceSampler(self.objective.levels)  # saved with the network that it belongs to
        return network

    @property
    def known_groups(self) -> int:
        """How many groups of classes the network knows (guidance.grouped)."""
        return 0

    def drop(self, label: Tensor, uniform: Tensor, world: World) -> Tensor:
        """The labels (b,) that it is trained with, in the place of the true ones."""
        return drop_labels(label, uniform, self.p_uncond, world.classes)


class GroupedDenoiserConfig(DenoiserConfig):
    """A joint model that knows `groups` of classes too (guidance.grouped): a share p_group of its labels is the group's alone."""

    groups: Annotated[int, Field(ge=1)]
    p_group: Annotated[float, Field(gt=0, lt=1)] = 0.05

    @model_validator(mode="after")
    def shares_add_up(self) -> Self:
        if self.p_group + self.p_uncond > 1:
            raise ValueError(f"p_group and p_uncond add up to 1 at most, not {self.p_group + self.p_uncond:g}")
        return self

    @property
    def known_groups(self) -> int:
        return self.groups

    def drop(self, label: Tensor, uniform: Tensor, world: World) -> Tensor:
        return drop_two_labels(label, uniform, self.p_group, self.p_uncond, world.classes, self.groups)


ANY_DENOISER = either(DenoiserConfig, GroupedDenoiserConfig, "groups")
