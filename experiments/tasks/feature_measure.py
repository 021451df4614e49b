"""Samples measured on the features of a pretrained network."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import model_validator

from experiments.features.network import joined
from experiments.features.protocol import Protocol, ProtocolOf
from experiments.fields import Count
from experiments.graph.files import read_json, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Failed
from experiments.tasks.features import Features
from experiments.tasks.reference import ReferenceOf


@value
class FeatureMeasure(Task):
    """metrics.json, {"<size>": {metric: value}}: fid_, is_ (of a network with a head), precision_, recall_, diversity_ (of
    labelled images) and whatever the set is large enough for (analysis.measures.further), with the network's label and the
    protocol's as suffix. A network whose `classifies` is the label of the samples' world says with its
    logits what classes it sees.

    sizes: as of Measure. protocol: its split, k and labels; what it says of drawing samples has been done.
    """

    name: ClassVar[str] = "feature-measure"
    files: ClassVar[tuple[str, ...]] = ("metrics.json",)
    features: Features
    reference: ReferenceOf
    sizes: tuple[Count, ...]
    protocol: ProtocolOf = Protocol()

    @model_validator(mode="after")
    def of_one_network(self) -> "FeatureMeasure":
        one, other = self.features.network, self.reference.network
        if one.label != other.label:
            raise ValueError(f"reference: its features are of {other.label}, and these of {one.label}")
        if self.reference.k != self.protocol.k:
            raise ValueError(f"reference: its balls are of k = {self.reference.k}, and the protocol's of {self.protocol.k}")
        for name in ("labels", "rounding"):  # of what was sampled, and not of a set that was found
            said = getattr(self.protocol, name)
            if (drawn := getattr(self.samples, name, said)) != said:
                raise ValueError(f"protocol: the samples were drawn with {name} {drawn}, and it says {said}")
        return self

    @property
    def samples(self) -> Any:
        """The set that is measured."""
        return self.features.samples

    @property
    def suffix(self) -> str:
        """The end of the names of its metrics."""
        return joined(self.features.network.label, self.protocol.label)

    @property
    def own(self) -> bool:
        """Whether the logits are of the classes that the labels name."""
        world = getattr(self.samples, "world", None)
        return world is not None and getattr(self.features.network, "classifies", None) == world.label

    @property
    def title(self) -> str:
        return f"measures of {self.features.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.measures.features import FeatureSet, measure_features_in_parts

        made, reference = FeatureSet(**self.features.arrays(store), own=self.own), self.reference.load(store)
        values = {
            f"{size}": measure_features_in_parts(size, made, reference, self.suffix, self.protocol.split) for size in self.sizes
        }
        for metric, number in ((name, number) for by_name in values.values() for name, number in by_name.items()):
            if not math.isfinite(number):
                raise Failed(f"{self.title}: {metric} is {number}: the samples or the features are not sound")
        write_json(folder / "metrics.json", values)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value; what the samples cost is told by Measure."""
        for n, values in read_json(store.open(self) / "metrics.json").items():
            yield from ({"n": int(n), "metric": name, "value": number} for name, number in values.items())
