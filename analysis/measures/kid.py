"""Kernel Inception distance with its standard error: unbiased squared MMD of the kernel (x.y / d + 1)^3 (Binkowski et al., arXiv
1801.01401), of all rows at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from analysis.measures.checks import matrix, same_width

BLOCK = 256  # rows whose kernel is held at a time
LEAST = 4  # rows: the standard error is of pairs of pairs


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class KernelReference:
    """Real rows (m, d), whose part of the distance is worked out once. ValueError for fewer than 2 or non-finite values."""

    rows: Float[np.ndarray, "m d"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", matrix("reference", self.rows, 2))

    @cached_property
    def own(self) -> float:
        """The kernel's mean over pairs of different rows."""
        rows, m = torch.from_numpy(self.rows), len(self.rows)
        total = sum(float(kernel.sum() - kernel.diagonal(offset=start).sum()) for start, kernel in _blocks(rows, rows))
        return total / (m * (m - 1))


def kid(generated: Float[np.ndarray, "n d"], reference: KernelReference) -> Estimate:
    """Unbiased, so it may be negative; in the unit of the kernel; 0 on average where both sets are of one distribution.

    The standard error is that of another draw of n independent generated rows against the same reference, which all cells of a
    study share. With g(x) the mean kernel of x with the reference, the distance is a U-statistic of h(x, y) = k(x, y) - g(x) -
    g(y) and a constant; Var(U) = E[U^2] - E[h]^2, the latter by pairs that share no row: unbiased, also where U is degenerate.
    It is not the deviation between subsets that torch-fidelity reports. Where it comes out negative it is 0.

    ValueError for fewer than 4 rows, non-finite values or another width.
    """
    rows = torch.from_numpy(matrix("generated", generated, LEAST))
    same_width("generated", rows.numpy(), "reference", reference.rows)
    g = torch.cat([kernel.mean(1) for _, kernel in _blocks(rows, torch.from_numpy(reference.rows))])
    n, total, by_row, squares = len(rows), 0.0, 0.0, 0.0
    for start, kernel in _blocks(rows, rows):
        h = kernel.sub_(g).sub_(g[start : start + len(kernel), None])
        h.diagonal(offset=start).zero_()
        own = h.sum(1)
        total, by_row = total + float(own.sum()), by_row + float(own.square().sum())
        squares += float(h.square_().sum())
    u = total / (n * (n - 1))
    disjoint = (total**2 - 4 * by_row + 2 * squares) / (n * (n - 1) * (n - 2) * (n - 3))
    return Estimate(u + reference.own, max(0.0, u**2 - disjoint) ** 0.5)


def _blocks(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The first row of a block, and its kernel with all of b."""
    for start in range(0, len(a), BLOCK):
        inner = (a[start : start + BLOCK] @ b.T).div_(a.shape[1]).add_(1)
        yield start, inner.square().mul_(inner)
