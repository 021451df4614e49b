"""How much the samples of one class differ from each other, on features and on pixels."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix

BLOCK = 1024  # rows whose distances are held at a time


def intra_class_diversity(features: Float[np.ndarray, "n d"], label: Int[np.ndarray, " n"]) -> float:
    """Mean cosine distance 1 - cos(a, b) over all pairs within a class, averaged over classes; 0 (one direction) to 2.

    Every class with at least two members has the same weight; smaller classes are left out. ValueError for non-finite values,
    for a row of zeros, for labels that are not n integers, or if no class has two members.
    """
    features = matrix("features", features, 2)
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    if (norm == 0).any():
        raise ValueError(f"features row {int(np.argmin(norm))} is zero: its direction, hence its cosine, is undefined")
    return float(np.mean([_mean_cosine_distance(unit) for unit in _by_class(features / norm, label)]))


def intra_class_pixel_distance(images: Float[np.ndarray, "n *shape"], label: Int[np.ndarray, " n"]) -> float:
    """Root-mean-square difference of two images, averaged over all pairs within a class, then over classes.

    Images are (n, *shape) with pixels in [-1, 1], so the result lies between 0 (identical images) and 2 (black against white).
    ValueError for pixels outside [-1, 1], non-finite values, labels that are not n integers, or if no class has two members.
    """
    images = np.asarray(images)
    pixels = matrix("images", images.reshape(len(images), -1), 2)
    if np.abs(pixels).max() > 1 + 1e-6:
        raise ValueError(f"images reach {np.abs(pixels).max():.4g}: scale and clip pixels to [-1, 1]")
    distance = [_mean_distance(torch.from_numpy(group)) for group in _by_class(pixels, label)]
    return float(np.mean(distance) / np.sqrt(pixels.shape[1]))


def _mean_distance(rows: torch.Tensor) -> float:
    """Over all pairs, in memory for `BLOCK` rows of them at a time."""
    total = 0.0
    for start in range(0, len(rows), BLOCK):
        block, later = rows[start : start + BLOCK], rows[start + BLOCK :]
        total += torch.pdist(block).sum().item()
        total += torch.cdist(block, later, compute_mode="donot_use_mm_for_euclid_dist").sum().item() if len(later) else 0.0
    return total / (len(rows) * (len(rows) - 1) / 2)


def _mean_cosine_distance(unit: np.ndarray) -> float:
    """Over the m (m - 1) ordered pairs: |sum u|^2 is the sum of every cosine, and the m rows themselves give m of it."""
    m = len(unit)
    total = unit.sum(axis=0)
    return max(0.0, 1 - (total @ total - m) / (m * (m - 1)))


def _by_class(rows: np.ndarray, label: np.ndarray) -> Iterator[np.ndarray]:
    label = classes("label", label, len(rows))
    ids, members = np.unique(label, return_counts=True)
    if members.max() < 2:
        raise ValueError("label holds no class with two members: a distance within a class needs a pair")
    return (rows[label == i] for i in ids[members >= 2])
