"""The worlds: real images, and distributions whose density is known in closed form. By name: experiments.registry.WORLDS."""

from experiments.worlds.pixels import Pixels
from experiments.worlds.world import Data, Labelled, World, data

__all__ = ["Data", "Labelled", "Pixels", "World", "data"]
