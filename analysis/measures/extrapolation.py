"""Frechet distance extrapolated to infinitely many samples (the purpose of Chong & Forsyth, arXiv 1911.07023), with its error."""

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import matrix, same_width
from analysis.measures.kid import Estimate
from analysis.measures.moments import Moments

GROUPS = 20


def least(d: int) -> int:
    """The fewest rows of width d that are extrapolated: with fewer the bias is not of the form c / n."""
    return max(2 * d, 5 * GROUPS)


def frechet_infinity(
    generated: Float[np.ndarray, "n d"], reference: Moments, label: Int[np.ndarray, " n"] | None = None
) -> Estimate:
    """The intercept of the line in 1 / n through the distances of all rows and of all but one of 20 disjoint groups: the
    jackknife (Quenouille 1956; Tukey 1958), whose pseudo-values give the standard error too.

    The bias c / n of the generated rows goes, that of the reference stays. The error is that of another draw of n rows against
    the same reference; with labels, of another draw of as many rows of each class, every group taking its share of them: give
    none where they were drawn at random. It is too large near a distance of 0, which is of second order there. No row is drawn
    twice: a bootstrap reads the distance at about n / 2. Groups follow the order of the rows: another order moves the value by a
    fraction of its error.
    ValueError for fewer than max(2 d, 100) rows, non-finite values or another width.
    """
    x = matrix("generated", generated, 2)
    same_width("generated", x, "the reference", reference.mean[None])
    n, d = x.shape
    if n < least(d):
        raise ValueError(f"generated has {n} rows of {d}: the extrapolated Frechet distance needs at least {least(d)}")
    group = np.empty(n, dtype=int)
    group[np.arange(n) if label is None else np.argsort(label, kind="stable")] = np.arange(n) % GROUPS
    shift = x.mean(axis=0)
    x = x - shift  # sums of products lose no digits
    sums = np.stack([x[group == g].sum(axis=0) for g in range(GROUPS)])
    squares = np.stack([x[group == g].T @ x[group == g] for g in range(GROUPS)])
    sizes = np.bincount(group, minlength=GROUPS).tolist()
    total, products = sums.sum(axis=0), squares.sum(axis=0)
    whole = _distance(n, total, products, shift, reference)
    without = [
        _distance(n - size, total - own, products - square, shift, reference) for size, own, square in zip(sizes, sums, squares)
    ]
    pseudo = GROUPS * whole - (GROUPS - 1) * np.array(without)
    return Estimate(float(pseudo.mean()), float(pseudo.std(ddof=1) / np.sqrt(GROUPS)))


def _distance(n: int, total: np.ndarray, products: np.ndarray, shift: np.ndarray, reference: Moments) -> float:
    """Of n rows less `shift`, from their sum and the sum of their products."""
    mean = total / n
    cov = (products - n * np.outer(mean, mean)) / (n - 1)
    cross = np.sqrt(np.linalg.eigvalsh(reference.root @ cov @ reference.root).clip(0)).sum()
    return float(((mean + shift - reference.mean) ** 2).sum() + np.trace(cov) + np.trace(reference.cov) - 2 * cross)
