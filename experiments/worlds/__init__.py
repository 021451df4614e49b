"""The worlds: real images, and distributions whose truth is known. By name: experiments.registry.WORLDS."""

from experiments.worlds.world import Data, Labelled, World, data

__all__ = ["Data", "Labelled", "World", "data"]
