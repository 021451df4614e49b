"""Fréchet distance and Inception score by torch-fidelity's own functions with checked arguments; precision and recall.

torch-fidelity's `calculate_metrics` is not used: it ignores misspelt options, and its cache is keyed by names, not by the data.
Every value depends on n and on the network behind the features: report it with both.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

from analysis.measures.checks import matrix, same_width
from analysis.measures.neighbours import BLOCK, PAIRS, SPARE, distances, products, rounding


def frechet_distance(generated: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"]) -> float:
    """Fréchet distance |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets of features (Heusel et al., arXiv 1706.08500).

    Symmetric in the two sets; in squared units of the features. Computed in float64 with unbiased covariances. The estimate is
    biased upwards by about c/n, so compare values at one n only; for identical sets it may be slightly negative.
    ValueError for non-finite values, fewer than 2 rows or columns, or different widths.
    """
    generated, reference = matrix("generated", generated, 2), matrix("reference", reference, 2)
    same_width("generated", generated, "reference", reference)
    if generated.shape[1] < 2:
        raise ValueError("generated has one column: torch-fidelity's covariance needs at least 2")
    first, second = (fid_features_to_statistics(torch.from_numpy(features)) for features in (generated, reference))
    return float(fid_statistics_to_metric(first, second, verbose=False)[KEY_METRIC_FID])


def frechet_distance_to(
    generated: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"], covariance: Float[np.ndarray, "d d"]
) -> float:
    """As `frechet_distance`, of features and the mean and unbiased covariance of a reference that need not be at hand."""
    generated, covariance = matrix("generated", generated, 2), matrix("covariance", covariance, 2)
    same_width("generated", generated, "covariance", covariance)
    return float(
        fid_statistics_to_metric(
            fid_features_to_statistics(torch.from_numpy(generated)), {"mu": mean, "sigma": covariance}, verbose=False
        )[KEY_METRIC_FID]
    )


def inception_score(logits: Float[np.ndarray, "n c"], split: int | None = None) -> float:
    """exp(mean KL(p(c|x) || p(c))), between 1 and c (Salimans et al., arXiv 1606.03498), of *logits*: the softmax is taken here.

    split: None takes all n rows at once, so their order is irrelevant. A number takes the mean over consecutive parts of so many
    rows, a last shorter part included with the same weight, as ADM's evaluator does with 5,000: p(c) of few rows biases the score
    downwards, so values of different n or split do not compare. ValueError for non-finite values, no rows or split < 1.
    """
    logits = matrix("logits", logits)
    if split is not None and split < 1:
        raise ValueError(f"split is {split}: a part needs at least one row")
    # A probability that underflows to 0 in every row would make 0 * log 0 = NaN inside; e^-700 does as well as 0.
    logits = np.maximum(logits, logits.max(axis=1, keepdims=True) - 700)
    parts = torch.from_numpy(logits).split(split or len(logits))
    scores = [isc_features_to_metric(part, splits=1, shuffle=False)[KEY_METRIC_ISC_MEAN] for part in parts]
    return float(np.mean(scores))


def precision_recall(
    *,
    generated: Float[np.ndarray, "n d"],
    reference: Float[np.ndarray, "m d"],
    k: int = 3,
    radii: Float[np.ndarray, " m"] | None = None,
) -> tuple[float, float]:
    """(precision, recall), each in [0, 1], of Kynkäänniemi et al., arXiv 1904.06991, with Euclidean distances.

    Precision is the share of generated rows inside the union of balls around the reference rows; recall is the share of reference
    rows inside the balls around the generated ones. A ball's radius is the distance to the k-th nearest other row of its own set,
    boundary included. radii: those of the reference, if `ball_radii` gave them before, for a reference of many comparisons.
    The arguments are keywords because swapping the sets swaps the two values without an error.
    ValueError for k < 1, non-finite values, sets of k rows or fewer, or different widths.
    """
    fake, real = _rows("generated", generated, k), _rows("reference", reference, k)
    same_width("generated", fake.numpy(), "reference", real.numpy())
    balls = torch.from_numpy(ball_radii(reference, k) if radii is None else radii)
    return _share_inside(fake, real, balls), _share_inside(real, fake, _radii(fake, k))


def ball_radii(rows: Float[np.ndarray, "n d"], k: int = 3) -> Float[np.ndarray, " n"]:
    """The distance of each row to its k-th nearest other one. ValueError as `precision_recall`."""
    return _radii(_rows("rows", rows, k), k).numpy()


def _rows(name: str, rows: np.ndarray, k: int) -> Tensor:
    if k < 1:
        raise ValueError(f"k is {k}: a ball needs at least one neighbour")
    return torch.from_numpy(matrix(name, rows, k + 1))


def _radii(rows: Tensor, k: int) -> Tensor:
    """The distance to the k-th nearest other row, by subtraction: of candidates that a matrix product has found."""
    centred, taken, radii = rows - rows.mean(0), min(len(rows), k + 1 + SPARE), []
    squares, few = centred.square().sum(1), max(1, PAIRS // taken)
    for own, block in zip(rows.split(BLOCK), centred.split(BLOCK)):
        near, candidates = products(block, centred, squares).topk(taken, largest=False)
        found = torch.cat([distances(a[:, None], rows[b]) for a, b in zip(own.split(few), candidates.split(few))])
        radius = found.kthvalue(k + 1, dim=1).values
        if taken < len(rows):  # a row that was left out may be as near, up to the rounding of the product
            for i in (near[:, -1] - near[:, k] <= 2 * rounding(squares, squares)).nonzero()[:, 0]:
                radius[i] = distances(own[i], rows).kthvalue(k + 1).values
        radii.append(radius)
    return torch.cat(radii)


def _share_inside(rows: Tensor, centres: Tensor, radii: Tensor) -> float:
    """The share of rows within the radius of some centre, boundary included: by a matrix product where that is beyond its
    rounding, and by subtraction elsewhere.
    """
    offset, inside = centres.mean(0), 0
    moved, others = rows - offset, centres - offset
    squares, powers = moved.square().sum(1), others.square().sum(1)
    slack = rounding(squares, powers) + 1e-14 * radii.square().max()
    for own, block, square in zip(rows.split(BLOCK), moved.split(BLOCK), squares.split(BLOCK)):
        gap = products(block, others, powers - radii.square())  # |a - b|^2 - r^2, less |a|^2
        nearest = gap.amin(1) + square
        within = nearest < -slack
        doubtful = ((nearest <= slack) & ~within).nonzero()[:, 0]
        row, centre = (gap[doubtful] + square[doubtful, None] <= slack).nonzero(as_tuple=True)
        for i, j in zip(doubtful[row].split(PAIRS), centre.split(PAIRS)):
            within[i[distances(own[i], centres[j]) <= radii[j]]] = True
        inside += int(within.sum())
    return inside / len(rows)
