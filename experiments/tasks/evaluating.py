"""What an evaluator and the pixels say of images, a few hundred at a time."""

import math

import numpy as np
import torch
from torch import Tensor

from experiments.tasks.images import FromBytes
from experiments.worlds.pixels import Pixels


def pixel_moments(x: Pixels, size: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased covariance of the pixels, in float64, from `size` images at a time."""
    n, d = len(x), math.prod(x.shape[1:])
    total, products = torch.zeros(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64)
    for part in x.split(size):
        rows = part.flatten(1).double()
        total += rows.sum(0)
        products.addmm_(rows.T, rows)
    mean = total / n
    return mean.numpy(), ((products - n * mean[:, None] * mean) / (n - 1)).numpy()


@torch.inference_mode()
def evaluate(evaluator: torch.nn.Module, x: Tensor | Pixels | FromBytes, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits of images in [-1, 1], in float64."""
    parts = [evaluator.features(part.to(device)) for part in x.split(500)]
    features = torch.cat(parts)
    return features.cpu().double().numpy(), evaluator.head(features).cpu().double().numpy()
