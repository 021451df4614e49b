"""The three networks of a study: what configures them, how they are built, how they are found again; or the exact ones."""

import dataclasses
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import nn

from classifiers.evaluator import Evaluator
from classifiers.noise_aware import NoiseAware
from experiments.config import Choice, Config
from experiments.fit import FitConfig, Seed
from experiments.problems import Problem
from experiments.runs import check, read_json
from experiments.worlds import WORLDS, World
from guidance import DENSITIES, METHODS, Denoiser, NetworkDenoiser
from guidance.backbones.unet import UNet
from guidance.learned_variance import ImportanceSampler
from guidance.truth import CrossEntropy, exact_roles
from guidance.weightings import WEIGHTINGS

if TYPE_CHECKING:
    from experiments.sample import SampleConfig


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


class DenoiserConfig(Config):
    """The joint conditional and unconditional model; p_uncond is the share of labels dropped in training (1: all of them)."""

    world: str = "digits"
    seed: Seed = 0
    p_uncond: Annotated[float, Field(gt=0, le=1)] = 0.1
    logsnr: DensityConfig = COSINE
    objective: ObjectiveConfig = ObjectiveConfig()
    network: UNetConfig = UNetConfig()
    fit: FitConfig = FitConfig(steps=2500, lr=2e-3)

    @seeded
    def build(self, world: World) -> nn.Module:
        learned = self.objective.variance != "fixed"
        network = UNet(world.shape[0], world.classes, **self.network.model_dump(), learns_variance=learned)
        if self.objective.variance == "bound":
            network.importance = ImportanceSampler(self.objective.levels)  # saved with the network that it belongs to
        return network


class ClassifierConfig(Config):
    """The noise-aware classifier: any timm classification model; size is the side that images are enlarged to."""

    world: str = "digits"
    seed: Seed = 0
    arch: str = "test_resnet"
    size: Annotated[int, Field(ge=1)] = 16
    logsnr: DensityConfig = COSINE
    fit: FitConfig = FitConfig(steps=1200, weight_decay=0.05)

    @seeded
    def build(self, world: World) -> nn.Module:
        return NoiseAware(self.arch, world.shape[0], world.classes, self.size)


class EvaluatorConfig(Config):
    """The judge: another architecture, trained on clean images with another seed, never used to guide.

    augment: whether it is trained on images turned, enlarged and shifted a little. A judge that knows the training
    images by heart finds held-out real images stranger than generated ones.
    """

    world: str = "digits"
    seed: Seed = 900
    arch: str = "test_byobnet"
    size: Annotated[int, Field(ge=1)] = 16
    augment: bool = True
    fit: FitConfig = FitConfig(steps=1200, weight_decay=0.05)

    @seeded
    def build(self, world: World) -> nn.Module:
        return Evaluator(self.arch, world.shape[0], world.classes, self.size)


class Trained(NamedTuple):
    """What a study trained with one seed, ready to be sampled from: the roles of the methods, and what samples look like.

    schedule: the density of lambda it was trained on; `schedule.grid(32)` is the paper's grid.
    """

    model: NetworkDenoiser
    classifier: nn.Module
    schedule: Callable
    shape: tuple[int, ...]
    classes: int


def load_trained(study: Path, seed: int | None = None, device: str = "cpu") -> Trained:
    """The denoiser and the classifier of a finished study, of its first training seed or of `seed`.

    Problem if there is no such study or seed, or if a file is missing or altered.
    """
    names = read_json(Path(study) / "provenance.json")["parents"]
    found = {kind: [Path(study).parent / name for name in names if name.startswith(kind)] for kind in ("denoiser", "classifier")}
    seeds = {read_json(path / "config.json")["seed"]: path for path in found["denoiser"]}
    seed = min(seeds, default=0) if seed is None else seed
    if seed not in seeds:
        raise Problem(f"{study} has no training seed {seed}: it has {', '.join(map(str, sorted(seeds))) or 'no training'}")
    model, config = load_denoiser(seeds[seed], device, rows=250)
    guide = next(path for path in found["classifier"] if read_json(path / "config.json")["seed"] == seed)
    world = WORLDS[config.world]()
    return Trained(model, load(guide, ClassifierConfig, device)[0], config.logsnr.build(), world.shape, world.classes)


class Roles(NamedTuple):
    """The roles that a method may declare, by name, and the modules that calls are counted at."""

    of: dict[str, Denoiser | nn.Module | None]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module | None


def load_roles(root: Path, config: "SampleConfig", device: str) -> Roles:
    """What the methods are given: trained networks, or the world's exact truth in their place where no denoiser is named.

    A role of which there is no network is left out.
    """
    world = WORLDS[config.world]()
    if config.denoiser is None:
        exact, weak, other = (one.float().to(device) for one in (world.exact, world.weak, world.exact))  # float32, as noise is
        others = exact_roles(exact, weak)
        second = other if "unconditional" in METHODS[config.method.name].roles else weak
        roles = {"model": exact, "weak": weak, "unconditional": other, **others}
        return Roles(roles, exact, nn.ModuleList(others.values()), second)
    model, _ = load_denoiser(root / config.denoiser, device, config.rows)
    roles, named = {"model": model}, {role: root / name for role, name in config.others.items()}
    if config.classifier:
        roles["classifier"] = load(root / config.classifier, ClassifierConfig, device)[0]
    if "clean" in named:
        roles["clean"] = load(named["clean"], EvaluatorConfig, device)[0]
        roles["loss"] = CrossEntropy(roles["clean"])
    roles |= {role: load_denoiser(named[role], device, config.rows)[0] for role in ("weak", "unconditional") if role in named}
    counted = nn.ModuleList(roles[role] for role in ("classifier", "clean") if role in roles)
    second = [roles[role].network for role in ("weak", "unconditional") if role in roles]
    return Roles(roles, model.network, counted, second[0] if second else None)


def load_denoiser(path: Path, device: str, rows: int | None) -> tuple[NetworkDenoiser, DenoiserConfig]:
    """A trained denoiser, which refuses lambdas that it was not trained on, and its configuration."""
    network, config = load(path, DenoiserConfig, device)
    density = config.logsnr.build()
    classes = WORLDS[config.world]().classes
    ends = (density.min, density.max)
    return NetworkDenoiser(network, classes, config.objective.target, rows, ends), config


def load(path: Path, config_type: type[Config], device: str) -> tuple[nn.Module, Config]:
    """A trained network, in evaluation mode and frozen, and its configuration. Problem if the run is not whole."""
    check(path)
    config = config_type.model_validate(read_json(path / "config.json"))
    network = config.build(WORLDS[config.world]())
    network.load_state_dict(load_file(path / "model.safetensors"))
    return network.to(device).eval().requires_grad_(False), config
