"""The price of a study: of what its store lacks, by kind of task and in all, before anything runs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments.graph.run import Plan, plan
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.pricing.measuring import (
    price_denoising_loss,
    price_exact,
    price_guided_error,
    price_measure,
    price_network_error,
    price_real,
)
from experiments.pricing.price import Price
from experiments.pricing.sampling import price_sample
from experiments.pricing.training import price_training
from experiments.studies.study import Report
from experiments.tasks.denoising_loss import DenoisingLoss
from experiments.tasks.guided_error import GuidedError
from experiments.tasks.measure import Measure, MeasureExact
from experiments.tasks.network_error import NetworkError
from experiments.tasks.real_features import RealFeatures
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train

PRICES: dict[type, Callable[..., Price]] = {
    Train: price_training,
    Sample: price_sample,
    Measure: price_measure,
    MeasureExact: price_exact,
    RealFeatures: price_real,
    NetworkError: price_network_error,
    GuidedError: price_guided_error,
    DenoisingLoss: price_denoising_loss,
}
REPORT = 2 * 2**20  # bytes of a report's figures and page, about


@dataclass
class Prediction:
    """By address: what is to be made, and its price. found: how many runs exist; stale, failed: of those that do not count."""

    machine: Any
    planned: Plan
    prices: dict[str, Price] = field(default_factory=dict)
    probed: float = 0.0
    started: float = 0.0
    libraries: int = 0

    def kinds(self) -> dict[str, list[Price]]:
        """The prices by kind of task."""
        held: dict[str, list[Price]] = {}
        for address, price in self.prices.items():
            held.setdefault(self.planned.tasks[address].kind, []).append(price)
        return held

    @property
    def seconds(self) -> float:
        """Of one worker, start and report included."""
        return self.started + sum(price.seconds for price in self.prices.values())

    @property
    def flops(self) -> float:
        return sum(price.flops for price in self.prices.values())

    def at_least(self, workers: int) -> float:
        """Seconds by the clock that so many workers need at least: the longest chain, or an even share of the work."""
        longest: dict[str, float] = {}
        for address, price in self.prices.items():  # parents first
            parents = self.planned.tasks[address].parents
            longest[address] = price.seconds + max((longest.get(parent.address, 0.0) for parent in parents), default=0.0)
        return self.started + max(max(longest.values(), default=0.0), (self.seconds - self.started) / workers)


def predict(study: Any, store: Store, machine: Any, started: float = 0.0, libraries: int = 0) -> Prediction:
    """Prices everything that a study has yet to make.

    started, libraries: CPU seconds and bytes of a worker that has imported what tasks need, and has made nothing yet.
    """
    begun = time.perf_counter()
    report = Report(study=study)
    result = Prediction(machine, plan([report], store, retry=True), started=started, libraries=libraries)
    known: dict[str, Any] = {}
    for address, task in result.planned.wanted.items():
        result.prices[address] = price_of(task, machine, known, started)
    result.probed = time.perf_counter() - begun
    return result


def price_of(task: Task, machine: Any, known: dict[str, Any], started: float) -> Price:
    """The price of one task; a task of another package says its own, by a method `price(machine, known)`."""
    if isinstance(task, Report):  # as long as the imports: pandas, seaborn and the figures
        return Price(0.0, started, disk=REPORT)
    if (own := getattr(task, "price", None)) is not None:
        return own(machine, known)
    for kind, price in PRICES.items():
        if isinstance(task, kind):
            return price(task, machine, known)
    return Price(unpriced=(f"{task.kind}: nothing says what it costs",))


def unpriced(prediction: Prediction) -> Iterator[str]:
    """What is not in the numbers, each reason once."""
    yield from dict.fromkeys(why for price in prediction.prices.values() for why in price.unpriced)
