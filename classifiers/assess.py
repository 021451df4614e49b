"""What is measured of a classifier of noisy images at one lambda: accuracy, likelihood, calibration."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

BINS = 15  # of confidence, for the calibration error (Guo et al., arXiv 1706.04599)


def assess(logits: Float[Tensor, "n classes"], label: Int[Tensor, " n"]) -> dict[str, float]:
    """accuracy, nll (nats) and calibration_error of logits."""
    logits = logits.double()
    return {
        "accuracy": (logits.argmax(-1) == label).double().mean().item(),
        "nll": F.cross_entropy(logits, label).item(),
        "calibration_error": calibration_error(logits.softmax(-1), label).item(),
    }


def calibration_error(probability: Float[Tensor, "n classes"], label: Int[Tensor, " n"]) -> Tensor:
    """Mean over BINS bins of the largest probability, weighted by their shares, of |accuracy - confidence|."""
    confidence, chosen = probability.max(-1)
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gap = (chosen == label).double() - confidence.double()
    return torch.zeros(BINS, dtype=gap.dtype, device=gap.device).index_add(0, bins, gap).abs().sum() / len(label)
