"""What a report says of a world."""

from functools import partial
from typing import Any

from analysis.grid import GridDensity
from analysis.results import WorldFacts
from experiments.tasks.densities import in_the_plane, marginal, tilted
from experiments.worlds.world import data


def facts_of(world: Any, **more: Any) -> WorldFacts:
    """The facts of a world; more: fields that a study knows."""
    dataset, planar = data(world), in_the_plane(world)
    return WorldFacts(
        name=world.label,
        classes=world.classes,
        shape=tuple(world.shape),
        card=dataset.card,
        exact=world.exact,
        train_size=None if dataset.train is None else len(dataset.train.x),
        densities=partial(_tilted, world) if planar else None,
        marginal=partial(marginal, world) if planar else None,
        **more,
    )


def _tilted(world: Any, w: float) -> list[GridDensity]:
    return [tilted(world, c, w) for c in range(world.classes)]
