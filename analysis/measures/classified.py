"""What a classifier that never guided says of samples: the share that it recognises, how sure it is, which classes it sees."""

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix

BINS = 15  # of confidence (Guo et al., arXiv 1706.04599)


def classified(logits: Float[np.ndarray, "n c"], label: Int[np.ndarray, " n"]) -> dict[str, float]:
    """accuracy_by           share whose most probable class is the label
    nll_by                mean -log p(label | x), nats
    calibration_error_by  mean over 15 equal bins of confidence, weighted by their shares, of |accuracy - confidence|
    label_entropy_by      entropy of the shares of the most probable classes, over log c: 1 where all are given equally often

    ValueError for non-finite logits, one class alone, or labels that are not n integers in 0..c-1.
    """
    logits = matrix("logits", logits)
    n, c = logits.shape
    label = classes("label", label, n)
    if c < 2:
        raise ValueError("logits has one column: a classifier tells two classes apart at least")
    if label.min() < 0 or label.max() >= c:
        raise ValueError(f"label reaches from {label.min()} to {label.max()}: logits knows the classes 0 to {c - 1}")
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    chosen, confidence = log_p.argmax(axis=1), np.exp(log_p.max(axis=1))
    right = chosen == label
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    shares = np.bincount(chosen, minlength=c)[np.bincount(chosen, minlength=c) > 0] / n
    return {
        "accuracy_by": float(right.mean()),
        "nll_by": float(-log_p[np.arange(n), label].mean()),
        "calibration_error_by": float(np.abs(np.bincount(bins, right - confidence, BINS)).sum() / n),
        "label_entropy_by": float(-(shares * np.log(shares)).sum() / np.log(c)) + 0.0,
    }
