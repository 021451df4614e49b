"""What building any network needs: weights of a seed, and the fields that many networks share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from pydantic import Field

from guidance.seeding import generator

Block = Annotated[int, Field(ge=0)]  # the index of a block, or a number of them
Dropout = Annotated[float, Field(ge=0, lt=1)]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random initial weights that depend on `seed` alone; what is drawn elsewhere is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(generator("weights", seed, 0).initial_seed())
        yield


def require(network: Any, role: str) -> Any:
    """The method of a network that builds this role. ValueError where it has none."""
    if (found := getattr(network, role, None)) is None:
        raise ValueError(f"network: {getattr(network, 'name', type(network).__name__)} is no {role.replace('_', ' ')}")
    return found
