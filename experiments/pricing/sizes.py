"""How many images a world has."""

from typing import Any

from experiments.problems import Problem
from experiments.worlds.world import data


def sizes_of(world: Any) -> tuple[int | None, int | None]:
    """The numbers of training and test images; None where they are not at hand."""
    if (at_most := getattr(world, "at_most", None)) is not None:
        return at_most
    try:
        held = data(world)
    except Problem:
        return None, None
    return tuple(None if part is None else len(part.x) for part in (held.train, held.test))
