"""Which images are tested on, where a set does not say, and in which order: the rule that split the digits."""

import numpy as np

from experiments.problems import Problem


def held_out(label: np.ndarray, per_class: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, in order, and `per_class` of each class to test on, the class of the i-th being i mod classes.

    Fixed: numpy's default_rng(0), class by class. Problem for a class that has not twice as many.
    """
    order, counts = np.argsort(label, kind="stable"), np.bincount(label, minlength=classes)
    few = int(counts.argmin())
    if counts[few] < 2 * per_class:
        raise Problem(
            f"class {few} has {counts[few]} images, and {per_class} of each class are to be held out: set held_out to at most "
            f"{counts[few] // 2}, or give a test set"
        )
    random, starts = np.random.default_rng(0), np.cumsum(counts) - counts
    chosen = [random.permutation(order[start : start + n])[:per_class] for start, n in zip(starts, counts)]
    test = np.stack(chosen).T.reshape(-1)
    train = np.ones(len(label), dtype=bool)
    train[test] = False
    return np.flatnonzero(train), test


def interleaved(label: np.ndarray) -> np.ndarray:
    """The rows in an order in which classes take turns, so that any part is as balanced as can be; within a class, their own."""
    order, counts = np.argsort(label, kind="stable"), np.bincount(label)
    rank = np.empty(len(label), dtype=np.int64)
    rank[order] = np.arange(len(label)) - (np.cumsum(counts) - counts)[label[order]]
    return np.lexsort((label, rank))
