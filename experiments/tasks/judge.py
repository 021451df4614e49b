"""Judges: further classifiers of a world's images, which measure samples beside the evaluator, so that no ranking rests on one
network. A judge has an architecture and a seed of its own, and never guides.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from experiments.fields import Name
from experiments.graph.files import read_json
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.tasks.measure import Measure, reference, seal_of
from experiments.tasks.real_features import RealOf
from experiments.tasks.sources import Checkpoint
from experiments.tasks.train import Train


@value
class JudgeMeasure(Measure):
    """metrics.json as of `Measure`, on the features and logits of a judge, every name with the judge's label at its end.

    accuracy_by_: the share of samples to which the judge gives the label that they were made for. Pixels are not measured again.
    """

    name: ClassVar[str] = "judge-measure"
    label: Name

    @property
    def title(self) -> str:
        return f"{super().title} by {self.label}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.measures.images import measure_in_parts

        samples = replace(self._samples(store, device), images=None)
        real = reference(self, store.root, seal_of(self.real or self.evaluator, store), device)
        values = {f"{size}": self._own(measure_in_parts(size, samples, real, self.label)) for size in self.sizes}
        self._write(folder, values)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value; what the samples cost is told by Measure."""
        for n, values in read_json(store.open(self) / "metrics.json").items():
            yield from ({"n": int(n), "metric": name, "value": number} for name, number in values.items())

    def _own(self, found: dict[str, float]) -> dict[str, float]:
        """What rests on the judge, and how it classifies, under names that say so."""
        from analysis.metrics import column, metric

        own = {name: number for name, number in found.items() if metric(name).of == self.label}
        own[column("accuracy_by", self.label)] = found["accuracy_evaluator"]
        return own


@value
class Judge:
    """A classifier of clean images of a study's world that measures and never guides.

    called: a word for it in the names of columns, `fid_<world>-<called>`. classifier: its training, or its weights. real: its
    features of real images, as TradeOff.real; needed where the classifier is a checkpoint.
    """

    name: ClassVar[str] = "judge"
    called: Name
    classifier: Train | Checkpoint
    real: RealOf | None = None

    @property
    def label(self) -> str:
        """The end of the names of its metrics."""
        return f"{self.classifier.world.label}-{self.called}"

    def measure(self, samples: Any, sizes: tuple[int, ...]) -> JudgeMeasure:
        """Its measures of a set of images, in parts of these sizes."""
        sizes = tuple(dict.fromkeys(sizes))
        return JudgeMeasure(samples=samples, evaluator=self.classifier, sizes=sizes, real=self.real, label=self.label)

    @property
    def described(self) -> str:
        """One line for the card of the world."""
        made = self.classifier
        if isinstance(made, Checkpoint):
            return f"weights of sha256 {made.sha256[:12]}; never guides"
        arch = getattr(made.network, "arch", made.network.name)
        return f"{arch}, trained on the labels for {made.fit.steps:,} steps, seed {made.seed}; never guides"
