"""Samples of round Gaussian classes against the exact ones: shift and variance along the class direction, distance to boundaries.

The class direction u_c points from the mean of all class means to m_c. All lengths are in the unit of a class's standard
deviation. A difference of two sets that are drawn from the same noise has little of the noise that they share.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix


def measure_round_classes(
    x: Float[np.ndarray, "n d"], label: Int[np.ndarray, " n"], means: Float[np.ndarray, "k d"], std: float
) -> Mapping[str, float]:
    """Of n samples drawn for `label` of classes N(means, std^2 I) with equal weights, d = 1 or more:

    shift_along          mean of u_c . (x - m_c): 0 of the class itself, positive away from the other classes
    variance_along       variance of u_c . x within a class: 1 of the class itself
    variance_within      variance within a class, the mean over all directions: 1 of the class itself
    variance_across      the same, the mean over the directions across u_c (where d > 1)
    mean_error_squared   |E[x | c] - m_c|^2, the mean over classes, unbiased: 0 of the class itself, and at times below by chance
    distortion           mean_error_squared plus the mean over classes of (standard deviation along u_c - 1)^2: of a class whose
                         standard deviation differs along u_c alone, its squared 2-Wasserstein distance from the exact one
    boundary_distance    mean signed distance to the nearest decision boundary, positive on the side of the own class
    boundary_within_half share of samples less than half a standard deviation from one, on either side
    wrong_side           share of samples that the exact classifier takes for another class

    ValueError for arrays that do not fit, and for a class with fewer than two samples.
    """
    x, means = matrix("x", x, 2), matrix("means", means, 2)
    label, k, d = classes("label", label, len(x)), *means.shape
    counts = np.bincount(label, minlength=k)
    if len(counts) > k or counts.min() < 2:
        raise ValueError(f"label must give every one of {k} classes two samples at least: draw more")
    offset = (x - means[label]) / std
    directions = means - means.mean(0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    along = (offset * directions[label]).sum(1)
    centres = np.stack([offset[label == c].mean(0) for c in range(k)])
    rest, free = offset - centres[label], len(x) - k
    squares = (rest * directions[label]).sum(1) ** 2
    stds = np.sqrt([squares[label == c].sum() / (counts[c] - 1) for c in range(k)])  # along u_c, of each class
    variance_along = float(squares.sum() / free)
    total = float((rest**2).sum() / free)  # over all directions
    spread = np.array([(rest[label == c] ** 2).sum() / (counts[c] - 1) for c in range(k)])
    nearest = boundary_distances(x, label, means, std)
    mean_error_squared = float(((centres**2).sum(1) - spread / counts).mean())
    values = {
        "shift_along": float(along.mean()),
        "variance_along": variance_along,
        "variance_within": total / d,
        "mean_error_squared": mean_error_squared,
        "distortion": mean_error_squared + float(((stds - 1) ** 2).mean()),
        "boundary_distance": float(nearest.mean()),
        "boundary_within_half": float((np.abs(nearest) < 0.5).mean()),
        "wrong_side": float((nearest < 0).mean()),
    }
    return values | ({"variance_across": (total - variance_along) / (d - 1)} if d > 1 else {})


def boundary_distances(
    x: Float[np.ndarray, "n d"], label: Int[np.ndarray, " n"], means: Float[np.ndarray, "k d"], std: float
) -> Float[np.ndarray, " n"]:
    """Signed distance of every sample to the nearest of the planes half way between its class's mean and another's.

    Of equal weights and variances these planes are the decision boundaries; below 0 where p(c | x) is not the largest.
    """
    squares = (x**2).sum(1)[:, None] - 2 * x @ means.T + (means**2).sum(1)  # |x - m_k|^2
    gaps = np.linalg.norm(means[:, None] - means, axis=2)[label]
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = (squares - squares[np.arange(len(x)), label][:, None]) / (2 * gaps)
    distances[np.arange(len(x)), label] = np.inf
    return distances.min(1) / std


def moved_from(distance: Float[np.ndarray, " n"], plain: Float[np.ndarray, " n"]) -> list[dict[str, float | str]]:
    """How much further from the boundary samples are than the unguided samples of the same noise were, by where those were.

    One entry for each of BINS that holds a sample: bin, n, moved (the mean change of the signed distance), away (the share of
    samples that are further on the side of their own class than before).
    """
    entries: list[dict[str, float | str]] = []
    for name, (low, high) in BINS.items():
        held = (plain >= low) & (plain < high)
        if held.any():
            change = distance[held] - plain[held]
            entries.append({"bin": name, "n": int(held.sum()), "moved": float(change.mean()), "away": float((change > 0).mean())})
    return entries


BINS = {
    "wrong side": (-np.inf, 0.0),
    "within 1": (0.0, 1.0),
    "1 to 2": (1.0, 2.0),
    "2 to 4": (2.0, 4.0),
    "beyond 4": (4.0, np.inf),
}
