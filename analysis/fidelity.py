"""Frechet distance, Inception score, precision and recall: torch-fidelity's own metric functions behind typed doors.

`calculate_metrics` stays out: it swallows misspelt options, mixes up layers and caches under names that know nothing of the data.
Every value depends on n and on the network behind the features, so it must be written down beside both.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from analysis.checks import matrix, same_width


def frechet_distance(generated: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"]) -> float:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets of features (Heusel et al., arXiv 1706.08500), symmetric in them.

    Covariances are unbiased, all in float64. Biased upwards by about c/n: compare values at one n only. May be slightly negative
    for identical sets. ValueError for non-finite values, fewer than 2 rows, or different widths.
    """
    generated, reference = matrix("generated", generated, 2), matrix("reference", reference, 2)
    same_width("generated", generated, "reference", reference)
    if generated.shape[1] < 2:
        raise ValueError("generated has one column: torch-fidelity's covariance needs at least 2")
    first, second = (fid_features_to_statistics(torch.from_numpy(features)) for features in (generated, reference))
    return float(fid_statistics_to_metric(first, second, verbose=False)[KEY_METRIC_FID])


def inception_score(logits: Float[np.ndarray, "n c"], splits: int = 1) -> float:
    """exp(mean KL(p(c|x) || p(c))), between 1 and c (Salimans et al., arXiv 1606.03498), of *logits*: the softmax is taken here.

    The field's 10 splits of 50,000 images would be 100 images each at n = 1,000, which biases the score down; hence one split,
    for which the order of rows is irrelevant. More splits are cut in the order given and averaged. ValueError as above.
    """
    logits = matrix("logits", logits)
    if not 1 <= splits <= len(logits):
        raise ValueError(f"splits is {splits}: choose between 1 and the {len(logits)} rows of logits")
    # A probability that underflows to 0 in every row would make 0 * log 0 = NaN inside; e^-700 does as well as 0.
    logits = np.maximum(logits, logits.max(axis=1, keepdims=True) - 700)
    score = isc_features_to_metric(torch.from_numpy(logits), splits=splits, shuffle=False)
    return float(score[KEY_METRIC_ISC_MEAN])


def precision_recall(
    *, generated: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"], k: int = 3
) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al., arXiv 1904.06991): the share of generated rows inside the balls of the
    reference rows, and the reverse. A ball reaches the k-th nearest other row of its own set, boundary included (<=).

    Swapped arguments swap the answers without an error, hence keywords. ValueError as above, and for sets of k rows or fewer.
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
