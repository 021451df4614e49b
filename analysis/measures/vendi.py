"""Vendi score (Friedman & Dieng, arXiv 2210.02410): the effective number of different rows in a set."""

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix


def vendi(features: Float[np.ndarray, "n d"]) -> float:
    """exp(-sum l log l), l the eigenvalues of K / n and K_ij the cosine of rows i and j: order q = 1, from 1 to min(n, d).

    It grows with n: values of one n compare. From the smaller of K and its dual, the d x d matrix of the unit rows.
    ValueError for non-finite values or a row of zeros, which has no cosine.
    """
    features = matrix("features", features)
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    if (norm == 0).any():
        raise ValueError(f"features row {int(np.argmin(norm))} is zero: its direction, hence its cosine, is undefined")
    unit = features / norm
    gram = unit @ unit.T if len(unit) < unit.shape[1] else unit.T @ unit
    shares = np.linalg.eigvalsh(gram / len(unit))
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def class_vendi(features: Float[np.ndarray, "n d"], label: Int[np.ndarray, " n"]) -> float:
    """`vendi` of the rows of each class, mean over the classes. ValueError as `vendi`, or for labels that are not n integers."""
    label = classes("label", label, len(features))
    return float(np.mean([vendi(features[label == c]) for c in np.unique(label)]))
