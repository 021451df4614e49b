"""Some rows of a set, for measures that cannot take all."""

import numpy as np


def some_rows(total: int, n: int | None) -> slice | np.ndarray:
    """The indices of n rows of `total`, in order: drawn at random, always the same ones; all where there are no more.

    Not evenly spaced: sets are often in an order of classes, as i mod 10, of which every 50th row is of one class.
    """
    return slice(None) if n is None or n >= total else np.sort(np.random.default_rng(total).permutation(total)[:n])
