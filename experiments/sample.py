"""One cell of a study: one method at one w, one sampler, one seed."""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from experiments.config import Choice, Config
from experiments.cost import meter
from experiments.fit import Seed
from experiments.images import to_uint8
from experiments.networks import DensityConfig
from experiments.problems import Problem
from experiments.roles import load_roles
from experiments.runs import Store, check, write_json
from experiments.worlds import WORLDS
from guidance import GRIDS, METHODS, SAMPLERS, Clipped, Denoiser
from guidance import sample as draw
from guidance.effective import Effective
from guidance.methods.recfg import measure_ratios
from guidance.sampling import own_noise
from guidance.seeding import SAMPLES

WATCHED = 64  # samples of which is kept how hard they were pushed


class MethodConfig(Choice):
    """A method of the registry, its strength (w = 0 is the conditional model) and the rest of its hyper-parameters."""

    kind: ClassVar = "method"
    registry: ClassVar = METHODS
    own: ClassVar = ("w",)
    w: float


class GridConfig(Choice):
    """How the levels of a trajectory are spread over the lambdas of the process."""

    kind: ClassVar = "grid"
    registry: ClassVar = GRIDS


class SamplerConfig(Choice):
    """A sampler, its number of levels, how they are spread (evenly in u unless told), and its options."""

    kind: ClassVar = "sampler"
    registry: ClassVar = SAMPLERS
    steps: Annotated[int, Field(ge=2)]
    grid: GridConfig = GridConfig(name="u")

    @property
    def label(self) -> str:
        """As a method's, and the grid where it is not the usual one: `heun on karras`."""
        return super().label + ("" if self.grid == GridConfig(name="u") else f" on {self.grid.label}")


class GuideConfig(Config):
    """How a classifier is made a guide (classifiers.guide), or which one it is: implicit is the one inside the denoiser.

    levels, noises: of the implicit classifier (classifiers.generative).
    """

    temperature: Annotated[float, Field(gt=0)] = 1.0
    softplus: Annotated[float, Field(gt=0)] | None = None
    normalised: bool = False
    implicit: bool = False
    levels: Annotated[int, Field(ge=1)] = 4
    noises: Annotated[int, Field(ge=1)] = 1


class SampleConfig(Config):
    """What makes a set of samples: the runs of the networks (by name), method, sampler, seed, number.

    denoiser, classifier: names of runs; None where the world's exact ones take their place, or where none is needed.
    others: names of the runs of further networks by role (clean, weak, unconditional).
    logsnr: the density of lambda whose ends and quantiles the grid takes. clip: the guided x is clipped to
    [-clip, clip] at every step (None: not at all); batch: samples to a trajectory; rows: the most rows to a call of the network.
    guide: how the classifier is made a guide.
    """

    later: ClassVar = ("guide",)

    world: str
    denoiser: str | None
    classifier: str | None
    others: dict[str, str] = {}
    method: MethodConfig
    sampler: SamplerConfig
    logsnr: DensityConfig
    seed: Seed
    n: Annotated[int, Field(ge=1, le=SAMPLES)]
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250
    guide: GuideConfig = GuideConfig()

    @model_validator(mode="after")
    def defined(self) -> Self:
        """ValueError for a sampler that the method is not defined for."""
        if why := self.method.build().refuses(self.sampler.build()):
            raise ValueError(why)
        return self


def title(config: SampleConfig) -> str:
    """What a progress bar calls this cell."""
    return f"{config.method.label} w={config.method.w:g} {config.sampler.label} T={config.sampler.steps}"


def sample(store: Store, config: SampleConfig, device: str, wait: bool = True) -> Path | None:
    """The run of these samples: samples.npz, cost.json and effective.json. Labels are balanced, interleaved.

    samples.npz holds label, index and `images` (bytes), or `x` (float32) where the world's truth is known exactly.
    effective.json: by call, how hard the method pushed the first samples, told as classifier-free guidance (guidance.effective).
    """
    parents = [store.root / name for name in (config.denoiser, config.classifier, *config.others.values()) if name]

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        roles = load_roles(store.root, config, device)
        method, sampler = config.method.build(), config.sampler.build()
        grid, density = config.sampler.grid.build(), config.logsnr.build()
        if "ratios" in method.roles:  # measured beforehand, outside the meter
            levels = grid(density, config.sampler.steps).tolist()
            roles.of["ratios"] = measure_ratios(roles.of["model"], levels, world.classes, world.shape, device=device)

        def part(first: int, end: int, steps: int, watch: Callable[..., Denoiser] | None = None) -> torch.Tensor:
            indices, levels = range(first, end), grid(density, steps)
            own = {"levels": tuple(levels.tolist()), "noise": own_noise(config.seed, indices, world.shape, device)}
            guided = method(**{role: (roles.of | own)[role] for role in method.roles})
            guided = watch(guided, roles.of["model"], levels.tolist()) if watch else guided
            guided = Clipped(guided, -config.clip, config.clip) if config.clip else guided
            label = torch.tensor(indices, device=device) % world.classes
            return draw(guided, sampler, levels, label, world.shape, config.seed, indices)

        try:
            part(0, min(32, config.n), steps=2)  # warms the libraries up, outside the meter
            with meter(device, roles.denoiser, roles.classifiers, roles.weak) as price:
                ends = [min(first + config.batch, config.n) for first in range(0, config.n, config.batch)]
                x = torch.cat([part(first, end, config.sampler.steps) for first, end in pairwise([0, *ends])]).cpu()
            watched: list[Effective] = []
            part(0, min(WATCHED, config.n), config.sampler.steps, lambda *parts: watched.append(Effective(*parts)) or watched[0])
        except ValueError as error:
            raise Problem(f"{title(config)}: {error}") from error
        if not x.isfinite().all():
            bad = int((~x.isfinite().flatten(1).all(1)).sum())
            raise Problem(f"{title(config)}: {bad} of {config.n} samples are not finite: lower w, or set clip")
        index = np.arange(config.n)
        content = {"images": to_uint8(x)} if world.exact is None else {"x": x.numpy()}
        np.savez(folder / "samples.npz", **content, label=index % world.classes, index=index)
        write_json(folder / "cost.json", {**price, "float32_sha256": hashlib.sha256(x.numpy().tobytes()).hexdigest()})
        scale, orthogonal = watched[0].overall()
        overall = {"scale": scale, "orthogonal": orthogonal, "samples": min(WATCHED, config.n)}
        write_json(folder / "effective.json", {"overall": overall, "by_call": watched[0].by_call()})

    return store.make("sample", config, build, parents, wait)


def load_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """What a run of samples made, and label (n,): images uint8 (n, h, w, c), or x float32 (n, *shape) of an exact world.

    Problem if it is not whole.
    """
    check(path)
    with np.load(path / "samples.npz", allow_pickle=False) as file:
        return file["x" if "x" in file else "images"], file["label"]
