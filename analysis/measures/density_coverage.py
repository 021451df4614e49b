"""Density and coverage (Naeem et al., arXiv 2002.09797), and the clipped pair (Salvy et al., arXiv 2507.01761).

Balls lie around real rows, their radius being the distance to the k-th nearest other real row.

density           mean over generated rows of (balls that hold it) / k; 1 is as real rows, and it may exceed 1
coverage          share of balls that hold a generated row
clipped density   as density, no radius above the median one, no row counted as more than 1, over what real rows read, at most 1
clipped coverage  mean over balls of min(rows in it, k) / k, turned into the share of good samples that would read the same
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import betaln, gammaln
from torch import Tensor

from analysis.measures.checks import matrix, same_width
from analysis.measures.neighbours import PAIRS, distances, nearest, products, rounding

K = 5  # of both papers
BLOCK = 64  # rows of generated features whose distances are held at a time


class DensityCoverage(NamedTuple):
    """The four values."""

    density: float
    coverage: float
    clipped_density: float
    clipped_coverage: float


@dataclass(frozen=True, eq=False)
class Balls:
    """Real rows (m, d) with their k nearest other ones (m, k): distances, ascending, and indices."""

    rows: Tensor
    near: Tensor
    index: Tensor

    @classmethod
    def around(cls, reference: Float[np.ndarray, "m d"], k: int = K) -> "Balls":
        """ValueError for k < 1, non-finite values, or k rows or fewer."""
        if k < 1:
            raise ValueError(f"k is {k}: a ball needs at least one neighbour")
        rows = torch.from_numpy(matrix("reference", reference, k + 1))
        near, index = nearest(rows, rows, k + 1)
        others = index != torch.arange(len(rows))[:, None]
        others[others.all(1), 0] = False  # of a row with k copies or more, which are all as near as itself
        return cls(rows, near[others].view(-1, k), index[others].view(-1, k))

    @property
    def radii(self) -> Tensor:
        """To the k-th nearest, (m,)."""
        return self.near[:, -1]

    @property
    def clipped_radii(self) -> Tensor:
        """None above the median."""
        return self.radii.clamp(max=float(np.median(self.radii.numpy())))

    @property
    def real_density(self) -> float:
        """The clipped density of the real rows themselves, each without its own ball, before any normalisation."""
        held = self.index[self.near <= self.clipped_radii[:, None]]
        counts = torch.bincount(held, minlength=len(self.rows)).double()
        return float((counts / self.near.shape[1]).clamp(max=1).mean())


def density_coverage(generated: Float[np.ndarray, "n d"], balls: Balls) -> DensityCoverage:
    """The four values of generated rows against `balls`. A row on the boundary is inside in clipped density alone, as in the
    authors' programs.

    ValueError for non-finite values, k rows or fewer, or another width.
    """
    k = balls.near.shape[1]
    fake = torch.from_numpy(matrix("generated", generated, k + 1))
    same_width("generated", fake.numpy(), "reference", balls.rows.numpy())
    held, clipped = _counts(fake, balls)
    near, _ = nearest(balls.rows, fake, k)
    inside = near < balls.radii[:, None]
    real = balls.real_density
    return DensityCoverage(
        density=float(held.double().mean() / k),
        coverage=float(inside[:, 0].double().mean()),
        clipped_density=min(1.0, float((clipped.double() / k).clamp(max=1).mean()) / real) if real else 0.0,
        clipped_coverage=calibrated(float(inside.double().mean()), len(fake), len(balls.rows), k),
    )


def calibrated(raw: float, n: int, m: int, k: int) -> float:
    """The share of n samples that must be draws of the real distribution, the others being useless, to read `raw` on average."""
    expected = _expected(n, m, k)
    return float(np.searchsorted(expected, raw) / len(expected))


@lru_cache(maxsize=8)
def _expected(n: int, m: int, k: int) -> np.ndarray:
    """Mean of min(j, k) / k over the number j of t good samples in a ball, for t = 0..n: beta-binomial (t; k, m - k), since the
    mass of the ball of the k-th of m - 1 neighbours is Beta(k, m - k). 0 for t < k, as the authors have it.
    """
    t, j = np.arange(k, n + 1)[:, None], np.arange(k)
    log_p = gammaln(t + 1) - gammaln(j + 1) - gammaln(t - j + 1) + betaln(k + j, m - k + t - j) - betaln(k, m - k)
    return np.concatenate([np.zeros(k), 1 - (np.exp(log_p) * (k - j) / k).sum(1)])


def _counts(rows: Tensor, balls: Balls) -> tuple[Tensor, Tensor]:
    """How many balls hold each row: of the full radii, boundary excluded, and of the clipped ones, boundary included."""
    offset = balls.rows.mean(0)
    centres, moved = balls.rows - offset, rows - offset
    powers, squares = centres.square().sum(1), moved.square().sum(1)
    slack = rounding(squares, powers) + 1e-14 * balls.radii.square().max()
    counts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for own, block, square in zip(rows.split(BLOCK), moved.split(BLOCK), squares.split(BLOCK)):
        squared = products(block, centres, powers).add_(square[:, None])
        for radii, holds, into in ((balls.radii, torch.lt, counts[0]), (balls.clipped_radii, torch.le, counts[1])):
            gap = squared - radii.square()
            inside = gap < 0
            i, j = (gap.abs_() <= slack).nonzero(as_tuple=True)  # where rounding would decide
            for a, b in zip(i.split(PAIRS), j.split(PAIRS)):
                inside[a, b] = holds(distances(own[a], balls.rows[b]), radii[b])
            into.append(inside.sum(1))
    return torch.cat(counts[0]), torch.cat(counts[1])
