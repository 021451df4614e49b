"""Batches drawn with replacement, their noise, and means over test data at fixed lambdas."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from experiments.worlds.world import Labelled
from guidance.seeding import generator

TEST_LOGSNRS = (-10.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 10.0)  # lambdas at which test metrics are recorded


class ByRows:
    """An objective whose losses are each row's own, so that a batch may be cut into rows of any number: `draw` makes all the rows
    of a batch on the CPU, and `losses_of` their losses, on their device.
    """

    @property
    def by_rows(self) -> bool:
        """Whether no row counts in the loss of another."""
        return True

    def losses(self, module: nn.Module, images: Labelled, world: Any, size: int, g: torch.Generator, device: str) -> Tensor:
        return self.losses_of(module, world, *to(device, *self.draw(images, world, size, g)))


def batch(images: Labelled, size: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """x and label of `size` images, drawn with replacement; each turned left to right or not where the set says so."""
    chosen = torch.randint(len(images.x), (size,), generator=g)
    x = images.x[chosen]
    if images.flip:
        turned = torch.rand(size, generator=g) < 0.5
        x = torch.where(turned.view(-1, *[1] * (x.ndim - 1)), x.flip(-1), x)
    return x, images.label[chosen]


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
    values: dict[str, list[Tensor]] = {f"{level:g}": [] for level in TEST_LOGSNRS}
    for x, eps, label in noisy_parts(images):
        for level, found in zip(TEST_LOGSNRS, values.values()):
            found.append(value(*to(device, x, eps, torch.full((len(x),), level), label)))
    return {level: torch.cat(found).mean().item() for level, found in values.items()}


def noisy_parts(images: Labelled, size: int = 500) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """x, eps and label of all images, `size` at a time; the noise is each image's own.

    Of generators, as a training's: validation decides when one ends, and trainings stay what they were.
    """
    for i, (x, label) in enumerate(zip(images.x.split(size), images.label.split(size))):
        generators = (generator("test", 0, i * size + row) for row in range(len(x)))
        yield x, torch.stack([torch.randn(x.shape[1:], generator=g) for g in generators]), label


def clean_metrics(network: torch.nn.Module, images: Labelled, device: str) -> dict[str, float]:
    """Accuracy, likelihood and calibration of a classifier of clean data."""
    from classifiers.assess import assess

    logits = torch.cat([network(part.to(device)) for part in images.x.split(500)]).cpu()
    return assess(logits, images.label)
