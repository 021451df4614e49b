"""The price of measuring samples. Statistics run on the processor, and are timed on this one whatever the device."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from analysis.metrics import MAX_PIXELS
from experiments.graph.value import digest, encode
from experiments.pricing.counting import count_call, counted
from experiments.pricing.machine import SECONDS, seconds_of
from experiments.pricing.networks import NOWHERE
from experiments.pricing.price import RUN, Price
from experiments.pricing.sampling import lambdas, price_sample
from experiments.pricing.sizes import sizes_of
from experiments.pricing.untrained import untrained
from experiments.tasks.denoising_loss import DenoisingLoss, labels_asked
from experiments.tasks.guided_error import GuidedError
from experiments.tasks.judge import JudgeMeasure
from experiments.tasks.measure import Measure, MeasureExact
from experiments.tasks.network_error import NetworkError, compare
from experiments.tasks.real_features import RealFeatures, StoredFeatures
from experiments.worlds.world import data

LARGEST = 2000  # samples of a probe; beyond it the seconds grow with the square


def price_measure(task: Measure, machine: Any, known: dict[str, Any]) -> Price:
    """The evaluator, and the guide where there is one, on all samples; and the statistics of every part."""
    world, real_set = task.evaluator.world, hasattr(task.samples, "evaluated")
    n = getattr(task.samples, "n", None) or sizes_of(world)[1] or max(task.sizes)
    width, flops, seconds = classifier_row(task.evaluator, machine, known)
    if task.guide is not None and not real_set:
        _, more, longer = classifier_row(task.guide, machine, known)
        flops, seconds = flops + more, seconds + longer
    rows = 0 if real_set else n
    kept = 5000 if task.real is None else getattr(task.real, "neighbours", 5000)
    reference = min(kept, sizes_of(world)[0] or kept) if task.real is None else kept
    pixels = 0 if real_set or isinstance(task, JudgeMeasure) else math.prod(world.shape)
    shapes = Shapes(reference, width, world.classes, pixels, not isinstance(task.real, StoredFeatures), task.guide is not None)
    statistics = sum((n // size) * _statistics(size, shapes, known) for size in task.sizes)
    return Price(flops * rows, seconds * rows + statistics, memory=8.0 * (n + reference) * (width + pixels))


def price_exact(task: MeasureExact, machine: Any, known: dict[str, Any]) -> Price:
    """By the exact model of the world."""
    from experiments.tasks.baselines import draws
    from experiments.tasks.measure import measured

    n, w = task.samples.n, None if task.w is None else 1.0
    key = f"exact {task.world} {n} {w}"
    if key not in known:
        few = min(n, LARGEST)
        x, label = draws(task.world, few, None, 0)
        known[key] = seconds_of(lambda: measured(task.world, x, label, w), budget=SECONDS / 2) * max(1.0, (n / few) ** 2)
    return Price(0.0, known[key])


def price_real(task: RealFeatures, machine: Any, known: dict[str, Any]) -> Price:
    """The evaluator on all training images, and some test images."""
    train, test = sizes_of(task.evaluator.world)
    if train is None:
        return Price(unpriced=("the evaluator's features of real images: the images are not here",))
    width, flops, seconds = classifier_row(task.evaluator, machine, known)
    rows, kept = train + min(task.test, test), min(task.neighbours, train)
    pixels = math.prod(task.evaluator.world.shape)
    moments = pixels**2 if pixels <= MAX_PIXELS else 0
    disk = 8 * (width**2 + kept * width + task.test * (width + task.evaluator.world.classes) + moments) + RUN
    return Price(flops * rows, seconds * rows, 8.0 * rows * width, disk)


def price_network_error(task: NetworkError, machine: Any, known: dict[str, Any]) -> Price:
    """Networks and the exact model at every lambda, probed on a few draws; on the processor whatever the device."""
    world, density, few = task.denoiser.world, task.denoiser.objective.density, 100
    model = untrained(task.denoiser).play("model", {}, NOWHERE, "cpu", 250)["model"]
    classifier, exact = untrained(task.classifier).load(NOWHERE, "cpu"), data(world).oracle
    z, logsnr, label = torch.randn(few, *world.shape), torch.zeros(few), torch.arange(few) % world.classes
    n = min(task.n, sizes_of(world)[1] or task.n) * sum(density.min <= level <= density.max for level in task.levels)
    taken = seconds_of(lambda: compare(model, classifier, exact, z, logsnr, label, z))
    flops = counted(lambda: compare(model, classifier, exact, z, logsnr, label, z)).flops
    return Price(n * flops / few, n * taken / few)


def price_denoising_loss(task: DenoisingLoss, machine: Any, known: dict[str, Any]) -> Price:
    """Both branches at every lambda, probed on a few images; on the processor whatever the device."""
    world, few = task.denoiser.world, 100
    model = untrained(task.denoiser).play("model", {}, NOWHERE, "cpu", 250)["model"]
    z, logsnr, label = torch.randn(few, *world.shape), torch.zeros(few), torch.arange(few) % world.classes
    n = min(task.n, sizes_of(world)[1] or task.n) * task.levels

    @torch.no_grad()
    def both() -> Any:
        return model.branches(z, logsnr, [*labels_asked(task.denoiser, model, label).values()])

    return Price(n * counted(both).flops / few, n * seconds_of(both) / few)


def price_guided_error(task: GuidedError, machine: Any, known: dict[str, Any]) -> Price:
    """The trajectories drawn again, and the exact model twice at every call, probed on a few draws."""
    samples, n, few = task.samples, min(task.n, task.samples.n), 100
    drawn = price_sample(replace(samples, n=n), machine, known)
    exact, label = data(samples.world).oracle, torch.arange(few) % samples.world.classes
    z, logsnr = torch.randn(few, *samples.world.shape).double(), torch.zeros(few).double()
    taken = seconds_of(lambda: exact.branches(z, logsnr, [label, None]))
    return replace(drawn, seconds=drawn.seconds + n * len(lambdas(samples, samples.steps)) * taken / few, disk=RUN)


def classifier_row(source: Any, machine: Any, known: dict[str, Any], rows: int = 250) -> tuple[int, float, float]:
    """Width of the features, FLOPs and seconds of an image through a classifier."""
    begun = untrained(source)
    key = f"classifier {digest(encode(begun, expand=True))}"
    if key not in known:
        module = begun.load(NOWHERE, "cpu")
        noisy = not hasattr(module, "features")
        x = torch.zeros(rows, *begun.world.shape)
        inputs = (x, torch.zeros(rows)) if noisy else (x,)
        call = (lambda net, *given: net(*given)) if noisy else (lambda net, given: net.head(net.features(given)))
        with torch.no_grad():
            width = 0 if noisy else module.features(x[:2]).shape[1]
        count = count_call(call, module, inputs, False)
        known[key] = width, count.flops / rows, machine.call(call, module, inputs, False, count) / rows
    return known[key]


class Shapes(NamedTuple):
    """What the statistics of a part are taken of: rows of real features, and whether pixels are compared with real ones."""

    reference: int
    width: int
    classes: int
    pixels: int
    moments: bool
    guided: bool


def _statistics(size: int, shapes: Shapes, known: dict[str, Any]) -> float:
    """Seconds of all measures of one part, of numbers of no meaning."""
    from analysis.measures.images import Reference, Samples, measure_in_parts

    key = f"statistics {size} {shapes}"
    if key not in known:
        n, g, pixels = min(size, LARGEST), np.random.default_rng(0), shapes.pixels
        logits = g.normal(size=(n, shapes.classes))
        samples = Samples(
            images=g.uniform(-1, 1, size=(n, pixels)) if pixels else None,
            label=np.arange(n) % shapes.classes,
            features=g.normal(size=(n, shapes.width)),
            logits=logits,
            guide_logits=logits if shapes.guided else None,
        )
        pairs = (np.zeros(pixels), np.eye(pixels)) if shapes.moments and 0 < pixels <= MAX_PIXELS else None
        real = Reference(features=g.normal(size=(shapes.reference, shapes.width)), moments=pairs)

        def measures() -> Any:
            return measure_in_parts(n, replace(samples), real, "probe")

        measures()  # what the reference alone decides is worked out once, and kept for all parts
        taken = seconds_of(measures, budget=SECONDS / 2)
        known[key] = taken * (size / n) ** 2
    return known[key]
