"""Batches drawn with replacement, their noise, and means over test data at fixed lambdas."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.worlds.world import Labelled
from guidance.seeding import SampleNoise

TEST_LOGSNRS = (-10.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 10.0)  # lambdas at which test metrics are recorded


def batch(images: Labelled, size: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """x and label of `size` images, drawn with replacement."""
    chosen = torch.randint(len(images.x), (size,), generator=g)
    return images.x[chosen], images.label[chosen]


def noisy_batch(images: Labelled, size: int, density: Any, g: torch.Generator) -> tuple[Tensor, ...]:
    """x, eps, logsnr, label of one training step, lambda by the density."""
    x, label = batch(images, size, g)
    logsnr = density(torch.rand(len(x), generator=g))
    return x, torch.randn(x.shape, generator=g), logsnr, label


def to(device: str, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors on `device`."""
    return tuple(tensor.to(device) for tensor in tensors)


def by_level(images: Labelled, device: str, value: Callable[..., Tensor]) -> dict[str, float]:
    """The mean of `value(x, eps, logsnr, label)` over `images` at each of TEST_LOGSNRS, from the same noise every time."""
    eps, means = SampleNoise(0, range(len(images.x)), images.x.shape[1:], purpose="test")(), {}
    for level in TEST_LOGSNRS:
        parts = zip(images.x.split(500), eps.split(500), torch.full((len(eps),), level).split(500), images.label.split(500))
        means[f"{level:g}"] = torch.cat([value(*to(device, *part)) for part in parts]).mean().item()
    return means


def clean_metrics(network: torch.nn.Module, images: Labelled, device: str) -> dict[str, float]:
    """Accuracy, likelihood and calibration of a classifier of clean data."""
    from classifiers.assess import assess

    logits = torch.cat([network(part.to(device)) for part in images.x.split(500)]).cpu()
    return assess(logits, images.label)
