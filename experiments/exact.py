"""What is measured of samples where the truth is known: the world itself is the judge, and its tilted density the target."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from analysis.exactness import ExactWorld, measure_points
from analysis.grid import GridDensity, tilted
from experiments.worlds import World
from guidance import Mixture
from guidance.seeding import INDICES, generator

CLEAN = 60.0  # the lambda at which z is x
EDGE, CELLS = 5.0, 400  # the grid in the plane: [-EDGE, EDGE], so many cells a side
"""


def clean(like: Tensor) -> Tensor:
    return torch.full((len(like),), CELLS)
"""
