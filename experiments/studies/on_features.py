"""The cells of a study that are measured on the features of pretrained networks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from analysis.results import WorldFacts
from experiments.studies.study import TABLE, Placed
from experiments.tasks.feature_measure import FeatureMeasure
from experiments.tasks.features import Features
from experiments.tasks.reference import Reference
from experiments.tasks.training_set import TrainingSet


def on_features(study: Any, samples: Any, sizes: Sequence[int], place: dict[str, Any]) -> Iterator[Placed]:
    """The measures of one set on each of the study's feature networks, in the place of its other measures."""
    for network in study.features:
        measured = FeatureMeasure(
            features=Features(samples=samples, network=network),
            reference=study.references.get(network.label) or reference(study, network),
            sizes=tuple(dict.fromkeys(sizes)),
            protocol=study.protocol,
        )
        yield Placed(TABLE, place, measured)


def reference(study: Any, network: Any) -> Reference:
    """All training images of the study's world."""
    real = Features(samples=TrainingSet(world=study.world), network=network)
    return Reference(features=real, k=study.protocol.k, neighbours=study.protocol.neighbours)


def described(facts: WorldFacts, networks: Sequence[Any]) -> WorldFacts:
    """The facts of a world with a line on its card for every feature network."""
    lines = {f"features {one.label}": "; ".join(f"{key}: {text}" for key, text in one.card().items()) for one in networks}
    return replace(facts, card={**facts.card, **lines}) if lines else facts
