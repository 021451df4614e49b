"""What a report says of a world."""

from functools import partial
from typing import Any

from analysis.measures.grid import GridDensity
from analysis.results import WorldFacts
from experiments.tasks.densities import in_the_plane, marginal, tilted
from experiments.tasks.real_features import StoredFeatures
from experiments.worlds.world import data


def facts_of(world: Any, real: Any = None, **more: Any) -> WorldFacts:
    """The facts of a world; more: fields that a study knows. real: stored features, which bring the card of their images."""
    planar = in_the_plane(world)
    if isinstance(real, StoredFeatures):
        card, train_size = real.card()
    else:
        dataset = data(world)
        card, train_size = dataset.card, None if dataset.train is None else len(dataset.train.x)
    return WorldFacts(
        name=world.label,
        classes=world.classes,
        shape=tuple(world.shape),
        card=card,
        exact=world.exact,
        train_size=train_size,
        densities=partial(_tilted, world) if planar else None,
        marginal=partial(marginal, world) if planar else None,
        **more,
    )


def _tilted(world: Any, w: float) -> list[GridDensity]:
    return [tilted(world, c, w) for c in range(world.classes)]
