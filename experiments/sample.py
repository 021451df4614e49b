"""One cell of a study: one method at one w, one sampler, one seed."""

import dataclasses
import hashlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_serializer, model_validator

from experiments.config import Config
from experiments.cost import meter
from experiments.images import to_uint8
from experiments.worlds import WORLDS
from experiments.fit import Seed
from experiments.networks import ClassifierConfig, DenoiserConfig, load
from experiments.problems import Problem
from experiments.runs import Store, check, write_json
from guidance import METHODS, SAMPLERS, Clipped, NetworkDenoiser
from guidance import sample as draw
from guidance.seeding import INDICES


class MethodConfig(Config):
    """A method of the registry, its strength (w = 0 is the conditional model) and the rest of its hyper-parameters.

    options: by name; those left out are the method's defaults, and are written out, so that they are part of the address.
    """

    name: str
    w: float
    options: dict[str, float | bool | str] = {}

    @model_validator(mode="before")
    @classmethod
    def written_out(cls, values: dict) -> dict:
        known = METHODS.get(values.get("name"))
        if known is None:
            raise ValueError(f"there is no method {values.get('name')!r}; known: {', '.join(METHODS)}")
        defaults = {field.name: field.default for field in dataclasses.fields(known) if field.name != "w"}
        options = values.get("options", {})
        if strange := sorted(set(options) - set(defaults)):
            raise ValueError(f"{values['name']} has no option {strange[0]!r}; it has {', '.join(defaults) or 'none but w'}")
        return {**values, "options": defaults | options}

    @model_serializer(mode="wrap")
    def without_empty_options(self, dump) -> dict:
        return {key: value for key, value in dump(self).items() if key != "options" or value}

    @property
    def label(self) -> str:
        """The name, and the options that are not the defaults: `bounded(radius=5)`."""
        defaults = MethodConfig(name=self.name, w=self.w).options
        changed = [f"{key}={value}" for key, value in self.options.items() if value != defaults[key]]
        return self.name + (f"({', '.join(changed)})" if changed else "")

    def build(self) -> Callable:
        """The method itself."""
        return METHODS[self.name](w=self.w, **self.options)


class SamplerConfig(Config):
    """A sampler, its number of steps, and the ancestral sampler's v."""

    name: Literal["ancestral", "ddim"]
    steps: Annotated[int, Field(ge=2)]
    v: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def v_is_ancestral(self) -> Self:
        if (self.v is None) == (self.name == "ancestral"):
            raise ValueError("v belongs to the ancestral sampler, which needs it, and to no other")
        return self

    def bind(self):
        """The sampler, its options set."""
        return SAMPLERS[self.name] if self.v is None else partial(SAMPLERS[self.name], v=self.v)


class SampleConfig(Config):
    """What makes a set of samples: the runs of the networks (by name), method, sampler, seed, number.

    clip: whether the guided x is clipped to [-1, 1] at every step; batch: samples to a trajectory; rows: the most rows
    to a call of the network.
    """

    world: str
    denoiser: str
    classifier: str | None
    method: MethodConfig
    sampler: SamplerConfig
    seed: Seed
    n: Annotated[int, Field(ge=1, le=INDICES)]
    clip: bool = True
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250


def title(config: SampleConfig) -> str:
    """What a progress bar calls this cell."""
    return f"{config.method.label} w={config.method.w:g} {config.sampler.name} T={config.sampler.steps}"


def sample(store: Store, config: SampleConfig, device: str, wait: bool = True) -> Path | None:
    """The run of these samples: samples.npz (images, label, index) and cost.json. Labels are balanced, interleaved."""
    parents = [store.root / name for name in (config.denoiser, config.classifier) if name]

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        network, trained = load(store.root / config.denoiser, DenoiserConfig, device)
        classifier = load(store.root / config.classifier, ClassifierConfig, device)[0] if config.classifier else None
        roles = {"model": NetworkDenoiser(network, world.classes, rows=config.rows), "classifier": classifier}
        method, sampler = config.method.build(), config.sampler.bind()

        def part(first: int, end: int, steps: int) -> torch.Tensor:
            guided = method(**{role: roles[role] for role in method.roles})
            guided = Clipped(guided) if config.clip else guided
            indices, shape = range(first, end), world.train.x.shape[1:]
            label = torch.tensor(indices, device=device) % world.classes
            return draw(guided, sampler, trained.logsnr.grid(steps), label, shape, config.seed, indices)

        part(0, min(32, config.n), steps=2)  # warms the libraries up, outside the meter
        with meter(device, network, classifier) as price:
            ends = [min(first + config.batch, config.n) for first in range(0, config.n, config.batch)]
            x = torch.cat([part(first, end, config.sampler.steps) for first, end in pairwise([0, *ends])]).cpu()
        if not x.isfinite().all():
            bad = int((~x.isfinite().flatten(1).all(1)).sum())
            raise Problem(f"{title(config)}: {bad} of {config.n} samples are not finite: lower w, or set clip=true")
        index = np.arange(config.n)
        np.savez(folder / "samples.npz", images=to_uint8(x), label=index % world.classes, index=index)
        write_json(folder / "cost.json", {**price, "float32_sha256": hashlib.sha256(x.numpy().tobytes()).hexdigest()})

    return store.make("sample", config, build, parents, wait)


def load_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, h, w, c) and label (n,) of a run of samples. Problem if it is not whole."""
    check(path)
    with np.load(path / "samples.npz", allow_pickle=False) as file:
        return file["images"], file["label"]
