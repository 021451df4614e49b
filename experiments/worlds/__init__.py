"""The worlds by name: real images, and distributions whose truth is known."""

from experiments.worlds.digits import digits
from experiments.worlds.digits_exact import digits_exact
from experiments.worlds.gaussians import gaussians
from experiments.worlds.world import Labelled, World

WORLDS = {"digits": digits, "digits-exact": digits_exact, "gaussians": gaussians}

__all__ = ["WORLDS", "Labelled", "World"]
