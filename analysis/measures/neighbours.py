"""Distances between two sets of rows, a block of rows at a time: by matrix products, and by subtraction where these decide.

|a|^2 + |b|^2 - 2 a.b is fast, and puts a point off itself by the rounding (0.7 at a mean of 20); |a - b| by subtraction is exact
for copies, and the same of (a, b) as of (b, a).
"""

import torch
from torch import Tensor

BLOCK = 256  # rows whose distances are held at a time
PAIRS = 4_096  # pairs whose distance is taken by subtraction at a time
SPARE = 8  # candidates for the k-th neighbour beyond k


def products(a: Tensor, b: Tensor, add: Tensor) -> Tensor:
    """-2 a.b of every pair and what belongs to each b: of squared distances all but |a|^2, by one matrix product."""
    return torch.addmm(add, a, b.T, alpha=-2)


def rounding(a_squares: Tensor, b_squares: Tensor) -> Tensor:
    """What a squared distance by `products` may be wrong by: for |a|^2 + |b|^2 and their product, each the sum of at most 10^4
    terms, less than 10^4 times the rounding of one (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
    """
    return 1e4 * torch.finfo(a_squares.dtype).eps * (a_squares.max() + b_squares.max())


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances of rows by subtraction."""
    return (a - b).square().sum(-1).sqrt()


def nearest(rows: Tensor, others: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Distances (n, k), ascending, and indices (n, k) of the k nearest of `others` (m, d) to each of `rows` (n, d).

    By subtraction, of candidates that a matrix product has found: a neighbour that was left out is as near up to rounding.
    ValueError where there are fewer than k others.
    """
    if len(others) < k:
        raise ValueError(f"there are {len(others)} rows: {k} nearest ones need at least {k}")
    offset = others.mean(0)
    moved, taken, found = others - offset, min(len(others), k + SPARE), []
    squares, few = moved.square().sum(1), max(1, PAIRS // taken)
    for own in rows.split(BLOCK):
        candidates = products(own - offset, moved, squares).topk(taken, largest=False, sorted=False).indices
        exact = torch.cat([distances(a[:, None], others[b]) for a, b in zip(own.split(few), candidates.split(few))])
        near, place = exact.topk(k, largest=False, sorted=True)
        found.append((near, candidates.gather(1, place)))
    return torch.cat([near for near, _ in found]), torch.cat([index for _, index in found])
