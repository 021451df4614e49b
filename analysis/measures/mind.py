"""Monge Inception distance (Berthet et al., arXiv 2605.06797), made for n of 1,000 to 5,000: sliced 2-Wasserstein of features."""

from functools import cache

import numpy as np
from jaxtyping import Float

from analysis.measures.checks import matrix, same_width
from analysis.measures.some_rows import some_rows

DIRECTIONS = 1000
BLOCK = 100  # directions that are sorted at a time


def mind(generated: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"]) -> float:
    """3 d times the mean over 1,000 directions u of the mean over i of (i-th smallest of u.x - i-th smallest of u.y)^2.

    Squared units of the features, never negative; a shift by s makes it 3 |s|^2, of which FID makes |s|^2. Directions are uniform
    on the sphere and always the same ones. Of a larger reference n rows are drawn: the distance, and its bias of about
    1 / n, are of two sets of n. ValueError for a smaller reference, non-finite values or another width.
    """
    generated, reference = matrix("generated", generated), matrix("reference", reference)
    same_width("generated", generated, "reference", reference)
    n, m, d = len(generated), len(reference), generated.shape[1]
    if m < n:
        raise ValueError(f"reference has {m} rows and generated {n}: MIND compares sets of one size, take at most {m}")
    x, y, total = generated.T, reference[some_rows(m, n)].T, 0.0
    for units in np.split(_directions(d), DIRECTIONS // BLOCK):
        gaps = np.sort(units @ x, axis=1)
        gaps -= np.sort(units @ y, axis=1)
        total += float(np.einsum("ij,ij->", gaps, gaps))
    return 3 * d * total / (DIRECTIONS * n)


@cache
def _directions(d: int) -> np.ndarray:
    """Unit rows, (1000, d)."""
    rows = np.random.default_rng([2605, 6797]).normal(size=(DIRECTIONS, d))  # no seed that the features may be drawn with
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
