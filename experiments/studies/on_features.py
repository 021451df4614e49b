"""The cells of a study that are measured on the features of further networks: pretrained ones, and judges."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.studies.study import TABLE, Placed
from experiments.tasks.feature_measure import FeatureMeasure
from experiments.tasks.features import Features
from experiments.tasks.reference import Reference
from experiments.tasks.training_set import TrainingSet

if TYPE_CHECKING:  # pandas comes with it, which takes longer than the rest of a study
    from analysis.results import WorldFacts


def on_features(study: Any, samples: Any, sizes: Sequence[int], place: dict[str, Any]) -> Iterator[Placed]:
    """The measures of one set on each of the study's feature networks, instead of its other measures."""
    for network in study.features:
        measured = FeatureMeasure(
            features=Features(samples=samples, network=network),
            reference=study.references.get(network.label) or reference(study, network),
            sizes=tuple(dict.fromkeys(sizes)),
            protocol=study.protocol,
        )
        yield Placed(TABLE, place, measured)


def by_judges(study: Any, samples: Any, sizes: Sequence[int], place: dict[str, Any]) -> Iterator[Placed]:
    """The measures of one set by each of the study's judges, in the same place."""
    for judge in study.judges:
        yield Placed(TABLE, place, judge.measure(samples, tuple(sizes)))


def reference(study: Any, network: Any) -> Reference:
    """All training images of the study's world."""
    real = Features(samples=TrainingSet(world=study.world), network=network)
    return Reference(features=real, k=study.protocol.k, neighbours=study.protocol.neighbours)


def described(facts: "WorldFacts", study: Any) -> "WorldFacts":
    """The facts of a world with a line on its card for every feature network of a study, and what is compared with there,
    and for every judge.
    """
    lines = {}
    for one in study.features:
        made = study.references.get(one.label) or reference(study, one)
        of = getattr(getattr(made, "features", None), "samples", None)
        told = {**one.card(), "reference": getattr(of, "title", None) or f"a file, sha256 {made.sha256[:12]}"}
        lines[f"features {one.label}"] = "; ".join(f"{key}: {text}" for key, text in told.items())
    lines |= {f"judge {one.label}": one.described for one in study.judges}
    return replace(facts, card={**facts.card, **lines}) if lines else facts
