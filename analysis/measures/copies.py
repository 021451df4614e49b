"""How near samples are to training images: whether a model repeats what it was trained on."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from analysis.measures.checks import matrix, same_width
from analysis.measures.neighbours import nearest

RATIO = 1 / 3  # of the distances to the nearest and the second nearest, below which a sample is called a copy


class Nearness(NamedTuple):
    """Of `Training.compare`."""

    nearness: float
    copies: float


@dataclass(frozen=True, eq=False)
class Training:
    """Training rows (m, d): features, or pixels. ValueError for fewer than 2 rows or non-finite values."""

    rows: Float[np.ndarray, "m d"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", matrix("training", self.rows, 2))

    @cached_property
    def spacing(self) -> float:
        """Median distance of a row to its nearest other one."""
        rows = torch.from_numpy(self.rows)
        return float(nearest(rows, rows, 2)[0][:, 1].median())

    def compare(self, x: Float[np.ndarray, "n d"]) -> Nearness:
        """nearness  median distance of x to the nearest training row, over `spacing`: 1 is as training rows from each other
        copies    share of x whose nearest training row is nearer than a third of the second nearest (Gu et al.,
                  arXiv 2310.02664); two equal training rows hide their copies

        Only against the rows at hand. What images read that no model has seen is in a study's table: the row of the test set.
        ValueError for non-finite values, no rows, another width, or training rows of which half are copies of each other.
        """
        x = matrix("x", x)
        same_width("x", x, "training", self.rows)
        if self.spacing == 0:
            raise ValueError("half of the training rows have a copy: nothing is nearer than they are to each other")
        near, _ = nearest(torch.from_numpy(x), torch.from_numpy(self.rows), 2)
        return Nearness(
            float(np.median(near[:, 0].numpy())) / self.spacing, float((near[:, 0] < RATIO * near[:, 1]).double().mean())
        )
