"""Fréchet distance, Inception score, precision and recall: torch-fidelity's own metric functions with checked arguments.

torch-fidelity's `calculate_metrics` is not used: it ignores misspelt options, and its cache is keyed by names, not by the data.
Every value depends on n and on the network behind the features: report it with both.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from analysis.checks import matrix, same_width


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


def inception_score(logits: Float[np.ndarray, "n c"]) -> float:
    """exp(mean KL(p(c|x) || p(c))), between 1 and c (Salimans et al., arXiv 1606.03498), of *logits*: the softmax is taken here.

    All n rows form one split, so the order of rows is irrelevant. The usual 10 splits are meant for 50,000 images: at n = 1,000
    each would hold 100, and p(c) estimated from so few biases the score downwards. ValueError for non-finite values or no rows.
    """
    logits = matrix("logits", logits)
    # A probability that underflows to 0 in every row would make 0 * log 0 = NaN inside; e^-700 does as well as 0.
    logits = np.maximum(logits, logits.max(axis=1, keepdims=True) - 700)
    score = isc_features_to_metric(torch.from_numpy(logits), splits=1, shuffle=False)
    return float(score[KEY_METRIC_ISC_MEAN])


def precision_recall(
    *, generated: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"], k: int = 3
) -> tuple[float, float]:
    """(precision, recall), each in [0, 1], of Kynkäänniemi et al., arXiv 1904.06991, with Euclidean distances.

    Precision is the share of generated rows inside the union of balls around the reference rows; recall is the share of reference
    rows inside the balls around the generated ones. A ball's radius is the distance to the k-th nearest other row of its own set,
    boundary included. The arguments are keywords because swapping the sets swaps the two values without an error.
    ValueError for k < 1, non-finite values, sets of k rows or fewer, or different widths.
    """
    if k < 1:
        raise ValueError(f"k is {k}: a ball needs at least one neighbour")
    generated, reference = matrix("generated", generated, k + 1), matrix("reference", reference, k + 1)
    same_width("generated", generated, "reference", reference)
    # Up to 25 rows a block, torch.cdist subtracts; above that it expands |a - b|^2, and a point lies off itself by the rounding.
    values = prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(reference),
        prc_neighborhood=k, prc_batch_size=25, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    # They are means of booleans in float32; n times that, rounded, is the count itself.
    n, m = len(generated), len(reference)
    return round(values[KEY_METRIC_PRECISION] * n) / n, round(values[KEY_METRIC_RECALL] * m) / m
