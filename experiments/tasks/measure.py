"""Samples measured: by an evaluator against the training images, or by the exact oracle of the world."""

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor

from analysis.measures.some_rows import some_rows
from analysis.metrics import MAX_PIXELS
from experiments.device import alone
from experiments.fields import Count, Metrics, WorldOf
from experiments.graph.files import read_json, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Failed
from experiments.tasks.densities import in_the_plane, logits, tilted
from experiments.tasks.evaluating import evaluate, pixel_moments
from experiments.tasks.images import FromBytes, from_uint8, to_uint8
from experiments.tasks.real_features import RealOf, reference_of
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Checkpoint
from experiments.tasks.train import Train
from experiments.worlds.pixels import Pixels
from experiments.worlds.world import Data, data

NEAREST = 5000, 2**23  # training images among which copies are looked for by pixels, and numbers in them: 64 MiB
CACHED = 3  # networks that a process keeps, and what they are compared with: the evaluator and judges
NEIGHBOURS = 5  # of the estimate of KL: a point with so many copies has no density


class Measured(Task):
    """What both kinds of measures share: the rows that they give a table."""

    files: ClassVar[tuple[str, ...]] = ("metrics.json",)
    samples: Any
    metrics: Metrics

    @property
    def title(self) -> str:
        return f"measures of {getattr(self.samples, 'title', self.samples.name)}"

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value: what the samples cost, where a method made them, and every measure."""
        if isinstance(self.samples, Sample):
            yield from ({"n": self.samples.n, "metric": k, "value": v} for k, v in self.samples.prices(store).items())
        for n, values in read_json(store.open(self) / "metrics.json").items():
            yield from ({"n": int(n), "metric": name, "value": number} for name, number in values.items())

    def _extra_metrics(self, x: Any, label: np.ndarray, world: Any, size: int) -> dict[str, float]:
        """The mean of each metric of `metrics` over parts of `size` samples, as in analysis.measures.images.measure_in_parts."""
        parts = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
        return {extra.name: float(np.mean([extra.measure(x[p], label[p], world) for p in parts])) for extra in self.metrics}

    def _write(self, folder: Path, values: dict[str, dict[str, float]]) -> None:
        for metric, number in ((name, number) for by_name in values.values() for name, number in by_name.items()):
            if not math.isfinite(number):
                raise Failed(f"{self.title}: {metric} is {number}: the samples or the evaluator's features are not sound")
        write_json(folder / "metrics.json", values)


@value
class Measure(Measured):
    """metrics.json, {"<size>": {metric: value}}, on the features of an independent evaluator, which never guides.

    sizes: each set is measured in disjoint parts of so many images and the mean taken, since FID, IS and recall depend on
    the number: values of one size compare with each other alone. guide: the noise-aware classifier to measure too, if any.
    metrics: further ones (experiments.metrics). real: the evaluator's features of real images; None: of all training images,
    worked out here. samples that are such features too are the test images, of which no pixels are at hand.
    """

    name: ClassVar[str] = "measure"
    samples: Any
    evaluator: Train | Checkpoint
    sizes: tuple[Count, ...]
    guide: Train | None = None
    metrics: Metrics = ()
    real: RealOf | None = None

    @model_validator(mode="after")
    def knows_real_images(self) -> "Measure":
        if self.real is None and isinstance(self.evaluator, Checkpoint):
            raise ValueError("real: an evaluator that is a checkpoint needs features of real images beside it")
        return self

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.measures.images import measure_in_parts  # torch-fidelity takes seconds to import

        samples, world = self._samples(store, device), self.evaluator.world
        real = reference(self, store.root, seal_of(self.real or self.evaluator, store), device)
        values = {size: measure_in_parts(size, samples, real, world.label) for size in self.sizes}
        for size in self.sizes if samples.images is not None else ():
            values[size] |= self._extra_metrics(samples.images, samples.label, world, size)
        self._write(folder, {f"{size}": found for size, found in values.items()})

    def _samples(self, store: Store, device: str) -> Any:
        """analysis.measures.images.Samples, as the evaluator and the guide see them."""
        from analysis.measures.images import Samples

        if hasattr(self.samples, "evaluated"):
            return Samples(images=None, **self.samples.evaluated(store)._asdict())
        images, label = self.samples.images(store)
        x = FromBytes(images)
        network = load_evaluator(self.evaluator, store.root, seal_of(self.evaluator, store), device)
        with alone(device):
            features, logits = evaluate(network, x, device)
            guide = guide_logits(self.guide, store, x, device) if self.guide else None
        pixels = FromBytes(images, numpy=True)
        return Samples(images=pixels, label=label, features=features, logits=logits, guide_logits=guide)


@value
class MeasureExact(Measured):
    """metrics.json as of `Measure`, of samples of a world with an exact oracle, which evaluates them.

    In the plane, for a w, also the distances from the density tilted with w: p(x|c) p(c|x)^w. Samples that share points,
    collapsed or cut off at a bound, have no density, and no distances from one.
    """

    name: ClassVar[str] = "measure-exact"
    samples: Any
    world: WorldOf
    w: float | None = None
    metrics: Metrics = ()

    def run(self, folder: Path, store: Store, device: str) -> None:
        x, label = self.samples.images(store)
        extra = self._extra_metrics(x, label, self.world, len(x))
        self._write(folder, {f"{len(x)}": measured(self.world, x, label, self.w) | extra})


def measured(world: Any, samples: np.ndarray, label: np.ndarray, w: float | None) -> dict[str, float]:
    """All measures by name of samples (n, *shape) of a world with an exact oracle; in the plane also those of tilted density."""
    from analysis.measures.exact import Drawn, against_data, measure_points

    x = samples.reshape(len(samples), -1).astype(np.float64)
    log_density, by_class = logits(world, x, label)
    planar = in_the_plane(world) and w is not None
    densities = [tilted(world, c, w) for c in range(world.classes)] if planar else None
    drawn = Drawn(x=x, label=label, logits=by_class, log_density=log_density)
    oracle = oracle_of(data(world), world.classes, densities)
    collapsed = np.unique(x, axis=0, return_counts=True)[1].max() >= NEIGHBOURS
    return against_data(drawn, oracle) if collapsed else measure_points(drawn, oracle)


def oracle_of(dataset: Data, classes: int, densities: list | None) -> Any:
    """The exact moments of a world and of each class, and the densities that samples are compared with."""
    from analysis.measures.exact import Oracle

    moments = [dataset.oracle.moments(c) for c in (None, *range(classes))]
    means, covariances = (np.stack([part.double().numpy() for part in moment]) for moment in zip(*moments))
    return Oracle(
        mean=means[0],
        covariance=covariances[0],
        class_means=means[1:],
        class_covariances=covariances[1:],
        tilted=densities,
    )


def seal_of(source: Any, store: Store) -> str:
    """What tells the content of a run, or of a file, from any other."""
    return store.seal(source) if isinstance(source, Task) else source.sha256


@lru_cache(maxsize=CACHED)
def load_evaluator(evaluator: Train | Checkpoint, root: Path, seal: str, device: str) -> torch.nn.Module:
    """The evaluator of a run, loaded once for many cells; another seal, another network."""
    return evaluator.load(Store(root), device)


def reference(measure: Measure, root: Path, seal: str, device: str) -> Any:
    """What samples are compared with, once for many cells."""
    return _of_real(measure.real, root, seal) if measure.real else _of_training(measure.evaluator, root, seal, device)


@lru_cache(maxsize=CACHED)
def _of_real(real: Any, root: Path, seal: str) -> Any:
    return reference_of(real.arrays(Store(root)))


@lru_cache(maxsize=CACHED)
def _of_training(training: Train, root: Path, seal: str, device: str) -> Any:
    """The training images, which go through bytes as the samples do, and the evaluator's features of them.

    Of images that are kept as bytes the moments of the pixels, where there are not too many, stand for the images. Copies by
    pixels are looked for among some of the images.
    """
    from analysis.measures.images import Reference

    train, network = data(training.world).train, load_evaluator(training, root, seal, device)
    x, label = train.x, train.label.numpy()
    rows = some_rows(len(x), min(NEAREST[0], max(2, NEAREST[1] // math.prod(x.shape[1:]))))
    if isinstance(x, Pixels):
        few = math.prod(x.shape[1:]) <= MAX_PIXELS
        moments, own = pixel_moments(x) if few else None, x[rows].numpy()
        return Reference(features=evaluate(network, x, device)[0], moments=moments, label=label, nearest=own)
    x = from_uint8(to_uint8(x))
    images = x.numpy()
    return Reference(images=images, features=evaluate(network, x, device)[0], label=label, nearest=images[rows])


@torch.inference_mode()
def guide_logits(training: Train, store: Store, x: Tensor | FromBytes, device: str) -> np.ndarray:
    """The guiding classifier's logits of clean images: at the highest lambda it was trained on."""
    network, clean = training.load(store, device), training.objective.density.max
    outputs = [network(p.to(device), torch.full((len(p),), clean, device=device)) for p in x.split(500)]
    return torch.cat(outputs).cpu().double().numpy()
