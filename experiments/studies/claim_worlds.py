"""The worlds that each claim of `guidance-bench study claims` is tested in."""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from typing import NamedTuple

from experiments.worlds.mixture import MixtureWorld


class ClaimWorld(NamedTuple):
    """The world of a claim, and the dimension that it stands for: its own, but where two classes are put on a line."""

    world: MixtureWorld
    dimension: int


def worlds_of_claims(
    world: MixtureWorld, dimensions: Sequence[int], class_counts: Sequence[int], exponential: Sequence[int], beyond: Sequence[int]
) -> dict[str, list[ClaimWorld]]:
    """By question; `exponential`: b's worlds of 2^d classes. beyond: dimensions in which c's two classes are put on a line."""
    grown = [replace(world, dimension=d) for d in dimensions]
    two = [replace(each, classes=2, growth=1.0) for each in grown]
    line = replace(world, dimension=1, classes=2)
    worlds = {
        "a": grown,
        "b": [replace(each, classes=k) for each in grown for k in class_counts],
        "exponential": [replace(world, dimension=d, classes=2**d) for d in exponential],
        "window": [world],
        "c": [*two, *(replace(each, growth=0.0) for each in (two[0], two[-1]))],
        "d": [line, *grown],
    }
    found = {question: [ClaimWorld(each, each.dimension) for each in dict.fromkeys(own)] for question, own in worlds.items()}
    found["c"] += [ClaimWorld(replace(line, radius=world.radius * sqrt(d), growth=1.0), d) for d in beyond]
    return found
