"""Samples of a world of round classes measured against the exact classes, and where on the way guidance has anything to say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator

from analysis.measures.round_classes import boundary_distances, measure_round_classes, moved_from
from experiments.fields import Count, WorldOf
from experiments.graph.files import read_json, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.sample import Sample
from experiments.tasks.tables import read_rows, write_rows
from experiments.worlds.world import data
from guidance.diffusion import add_noise
from guidance.isotropic import Isotropic
from guidance.noise import SampleNoise
from guidance.seeding import generator

LEVELS = tuple(float(level) for level in range(-14, 15))


def round_classes_of(world: Any) -> tuple[np.ndarray, float]:
    """The means (classes, dimension) and the standard deviation of a world of round classes. ValueError for another world."""
    oracle = data(world).oracle if world.exact else None
    if not isinstance(oracle, Isotropic):
        raise ValueError(f"world: {world.label} is no mixture of round classes of one variance: take `mixture`")
    return oracle.means.double().numpy(), float(oracle.residuals[0].double().sqrt())


@value
class MeasureRoundClasses(Task):
    """metrics.json {metric: value} of samples: analysis.measures.round_classes."""

    name: ClassVar[str] = "measure-round-classes"
    files: ClassVar[tuple[str, ...]] = ("metrics.json",)
    samples: Sample

    @property
    def title(self) -> str:
        return f"measures of {self.samples.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        x, label = self.samples.images(store)
        write_json(folder / "metrics.json", dict(measure_round_classes(x, label, *round_classes_of(self.samples.world))))

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value."""
        for name, number in read_json(store.open(self) / "metrics.json").items():
            yield {"n": self.samples.n, "metric": name, "value": number}


@value
class Moved(Task):
    """moved.csv: how far samples lie from others of the same noise: bin, n, moved, away (analysis.measures.round_classes), and in
    the row of the bin "largest" the largest distance between two samples of one noise, in standard deviations of a class.
    """

    name: ClassVar[str] = "moved"
    files: ClassVar[tuple[str, ...]] = ("moved.csv",)
    samples: Sample
    others: Sample

    @model_validator(mode="after")
    def of_one_noise(self) -> "Moved":
        """ValueError for samples that share no noise."""
        keys = ("world", "sampler", "steps", "seed", "n", "density", "grid", "labels")
        if different := [key for key in keys if getattr(self.samples, key) != getattr(self.others, key)]:
            raise ValueError(f"others: samples of another {different[0]} are not drawn from the same noise")
        return self

    @property
    def title(self) -> str:
        return f"{self.samples.title} moved from {self.others.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        means, std = round_classes_of(self.samples.world)
        (x, label), (other, _) = self.samples.images(store), self.others.images(store)
        near, before = (boundary_distances(each.astype(np.float64), label, means, std) for each in (x, other))
        largest = float(np.linalg.norm(x.astype(np.float64) - other, axis=1).max() / std)
        rows = [*moved_from(near, before), {"bin": "largest", "n": len(x), "moved": largest, "away": float("nan")}]
        write_rows(folder / "moved.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """bin, n, moved, away."""
        return read_rows(store.open(self) / "moved.csv")


@value
class GuidanceField(Task):
    """field.csv: logsnr, posterior, difference, on n exact draws of z_lambda given their class.

    posterior: the mean of p(c | z) of the own class. difference: the mean of |eps(z, c) - eps(z)|^2, the sum over dimensions.
    """

    name: ClassVar[str] = "guidance-field"
    files: ClassVar[tuple[str, ...]] = ("field.csv",)
    world: WorldOf
    n: Count = 4000
    levels: Annotated[tuple[float, ...], Field(min_length=2)] = LEVELS

    @model_validator(mode="after")
    def is_exact(self) -> "GuidanceField":
        if not self.world.exact:
            raise ValueError(f"world: {self.world.label} has no exact model")
        return self

    @property
    def title(self) -> str:
        return f"guidance field of {self.world.label}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        exact = data(self.world).oracle.double().to(device)
        label = torch.arange(self.n, device=device) % self.world.classes
        x = exact.sample(label, generator("guidance field", 0, 0)).view(self.n, *self.world.shape)
        eps = SampleNoise(0, range(self.n), self.world.shape, device, "field")().double()
        rows = []
        for level in self.levels:
            logsnr = torch.full((self.n,), level, dtype=torch.float64, device=device)
            z = add_noise(x, eps, logsnr)
            posterior = exact.class_logits(z, logsnr).softmax(-1).gather(-1, label[:, None]).mean()
            cond, null = exact.branches(z, logsnr, [label, None])
            difference = (cond.eps - null.eps).flatten(1).square().sum(-1).mean()
            rows.append({"logsnr": level, "posterior": posterior.item(), "difference": difference.item()})
        write_rows(folder / "field.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """logsnr, posterior, difference."""
        return read_rows(store.open(self) / "field.csv")
