"""Checks of the arrays given to a measure: torch-fidelity turns NaN features into a precision of 0 without an error."""

import numpy as np


def matrix(name: str, value: np.ndarray, least: int = 1) -> np.ndarray:
    """`value` as float64 (n, d) with n >= `least` and every entry finite; otherwise a ValueError that names the argument."""
    value = np.asarray(value)
    if value.ndim != 2:
        raise ValueError(f"{name} has shape {value.shape}: give one row per sample, shape (n, d)")
    if len(value) < least or value.shape[1] == 0:
        raise ValueError(f"{name} has shape {value.shape}: at least {least} rows and one column are needed")
    value = value.astype(np.float64)
    bad = int((~np.isfinite(value)).any(axis=1).sum())
    if bad:
        raise ValueError(
            f"{name} holds NaN or infinity in {bad} of {len(value)} rows: look at the samples or the network behind it"
        )
    return value


def same_width(first: str, a: np.ndarray, second: str, b: np.ndarray) -> None:
    """Two sets of features can be compared only if one network made both."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{first} has {a.shape[1]} columns and {second} {b.shape[1]}: take both from the same layer of the same network"
        )


def classes(name: str, value: np.ndarray, n: int) -> np.ndarray:
    """`value` as integer class ids (n,); otherwise a ValueError that names the argument."""
    value = np.asarray(value)
    if value.shape != (n,) or not np.issubdtype(value.dtype, np.integer):
        raise ValueError(f"{name} has shape {value.shape} and type {value.dtype}: give {n} integer class ids, shape ({n},)")
    return value


def balanced(label: np.ndarray) -> bool:
    """Whether there are as many rows of each class, to one row: they were dealt out, not drawn at random."""
    counts = np.unique(label, return_counts=True)[1]
    return int(counts.max() - counts.min()) <= 1
