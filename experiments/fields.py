"""The types of fields that many values share: what a registry holds, seeds, strengths."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from experiments.registry import named
from guidance.compute import Compute
from guidance.philox import PLACES
from guidance.seeding import SEEDS

WorldOf = named("worlds")
NetworkOf = named("networks")
ObjectiveOf = named("objectives")
MethodOf = named("methods")
SamplerOf = named("samplers")
GridOf = named("grids")
DensityOf = named("densities")
WeightingOf = named("weightings")
MetricOf = named("metrics")
FeatureOf = named("features")

Seed = Annotated[int, Field(ge=0, lt=PLACES)]
TrainingSeed = Annotated[int, Field(ge=0, lt=SEEDS)]  # of weights and steps, whose generators know no more
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=1, le=2**40)]  # in one set: of any image its samples have noise of their own
Name = Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]


def computing(given: Any) -> Any:
    """A way to compute, or the one whose JSON form `given` is."""
    return Compute(**{key: held for key, held in given.items() if key != "is"}) if isinstance(given, dict) else given


ComputeOf = Annotated[Compute, BeforeValidator(computing)]


def different(entries: Sequence) -> Sequence:
    """`entries`. ValueError if one stands there twice."""
    if len(set(entries)) < len(entries):
        raise ValueError(f"an entry stands there twice: {list(entries)}")
    return entries


def strengths(ws: tuple[float, ...]) -> tuple[float, ...]:
    """`ws`, -0 being 0. ValueError if one stands there twice."""
    ws = tuple(w + 0.0 for w in ws)
    if len(set(ws)) < len(ws):
        raise ValueError(f"a w stands there twice: {list(ws)}")
    return ws


Strengths = Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(strengths)]
Metrics = Annotated[tuple[MetricOf, ...], AfterValidator(different)]
FeatureNetworks = Annotated[tuple[FeatureOf, ...], AfterValidator(different)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(different)]
TrainingSeeds = Annotated[tuple[TrainingSeed, ...], Field(min_length=1), AfterValidator(different)]
