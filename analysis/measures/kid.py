"""Kernel Inception distance with its standard error: unbiased squared MMD of the kernel (x.y / d + 1)^3 (Binkowski et al., arXiv
1801.01401), of all rows at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from analysis.measures.checks import matrix, same_width

BLOCK = 256  # rows whose kernel is held at a time
LEAST = 4  # rows, of each class: a variance is left after the effects of both rows of a pair


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


def kid(generated: Float[np.ndarray, "n d"], reference: KernelReference, label: Int[np.ndarray, " n"] | None = None) -> Estimate:
    """The estimate that others report: of independent rows it is unbiased, so that it may be negative, and 0 on average where
    both sets are of one distribution. In the unit of the kernel.

    label: the class of each row, where as many rows were drawn of each class. Such sets have fewer pairs within a class than
    independent rows, and the estimate is lower by (1 - 1/c) / (n - 1) times what the mean kernel within a class is above that
    between two. Classes are apart, that is most of it, and it is the same for all that is compared at one n.

    The standard error is that of another draw of n rows, or of as many rows of each class, against the same reference, which all
    cells of a study share. It is not the deviation between subsets that torch-fidelity reports. With g(x) the mean kernel of x
    with the reference, the distance is a mean over pairs of h(x, y) = k(x, y) - g(x) - g(y), and a constant. In Hoeffding's
    decomposition (1948) of each pair of classes its variance is that of the rows' own effects, once a row, and of what is left of
    h, once a pair; both are estimated without bias from sums over rows. NaN where a class has fewer than 4 rows.

    ValueError for fewer than 4 rows, non-finite values or another width.
    """
    rows = torch.from_numpy(matrix("generated", generated, LEAST))
    same_width("generated", rows.numpy(), "reference", reference.rows)
    g = torch.cat([kernel.mean(1) for _, kernel in _blocks(rows, torch.from_numpy(reference.rows))])
    n = len(rows)
    strata = torch.zeros(n, dtype=torch.long) if label is None else torch.from_numpy(np.unique(label, return_inverse=True)[1])
    one_hot = torch.nn.functional.one_hot(strata).double()
    total, sums, squares = 0.0, [], torch.zeros(one_hot.shape[1], one_hot.shape[1], dtype=torch.float64)
    for start, kernel in _blocks(rows, rows):
        h = kernel.sub_(g).sub_(g[start : start + len(kernel), None])
        h.diagonal(offset=start).zero_()
        total += float(h.sum(1).sum())
        sums.append(h @ one_hot)
        squares += one_hot[start : start + len(h)].T @ h.square_() @ one_hot
    return Estimate(total / (n * (n - 1)) + reference.own, _spread(torch.cat(sums), squares, one_hot))


def _spread(sums: Float[Tensor, "n c"], squares: Float[Tensor, "c c"], one_hot: Float[Tensor, "n c"]) -> float:
    """The standard error of a mean over pairs of different rows, from the sums of each row with the rows of each class and the
    sums of squares.
    """
    n, m = len(sums), one_hot.sum(0)
    if m.min() < LEAST:
        return float("nan")
    total = one_hot.T @ sums
    rows = one_hot.T @ sums.square()  # [a, b]: over the rows of a, of their sums with b
    left = (squares - rows / m - (rows / m).T + total**2 / (m * m[:, None])) / ((m - 1) * (m[:, None] - 1))
    mean = total.diagonal() / (m * (m - 1))
    effects = (rows.diagonal() - m * ((m - 1) * mean) ** 2) / (m - 2)
    within = (squares.diagonal() - m * (m - 1) * mean**2 - 2 * effects) / (m * (m - 3))
    left = left - torch.diag(left.diagonal()) + torch.diag(within)
    own = sums + sums * one_hot / (m - 2)  # a row is not in the mean of its own class
    deviation = own.sum(1) - one_hot @ (one_hot.T @ own.sum(1) / m)
    noise = m * left
    noise = noise - torch.diag(noise.diagonal()) + torch.diag((m - 1) ** 2 / (m - 2) * within)
    effect = (one_hot.T @ deviation.square() / (m - 1) - noise.sum(1)) @ m
    pairs = (torch.outer(m, m) - torch.diag(m)) * left
    return float((4 * effect.clamp(min=0) + 2 * pairs.sum()).clamp(min=0).sqrt()) / (n * (n - 1))


def _blocks(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The first row of a block, and its kernel with all of b."""
    for start in range(0, len(a), BLOCK):
        inner = (a[start : start + BLOCK] @ b.T).div_(a.shape[1]).add_(1)
        yield start, inner.square().mul_(inner)
