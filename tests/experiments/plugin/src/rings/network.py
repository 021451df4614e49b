"""A network that looks at one pixel at a time."""

from typing import Any, ClassVar

import torch
from torch import nn

from experiments.graph.value import value


@value
class Pixelwise:
    """One hidden layer of 1 x 1 convolutions; a mean for the classifiers."""

    name: ClassVar[str] = "pixelwise"
    width: int = 4

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        return Denoises(world.shape[0], labels, self.width)

    def noisy_classifier(self, world: Any) -> nn.Module:
        return Classifies(world)


@value
class Means:
    """An evaluator of the means of rows and columns."""

    name: ClassVar[str] = "means"

    def clean_classifier(self, world: Any) -> nn.Module:
        return Classifies(world)


class Denoises(nn.Module):
    def __init__(self, channels: int, labels: int, width: int):
        super().__init__()
        self.label, self.up, self.down = (
            nn.Embedding(labels + 1, width),
            nn.Conv2d(channels, width, 1),
            nn.Conv2d(width, channels, 1),
        )

    def forward(self, z, logsnr, label):
        return self.down(torch.tanh(self.up(z) + self.label(label)[:, :, None, None]))


class Classifies(nn.Module):
    def __init__(self, world: Any):
        super().__init__()
        self.head = nn.Linear(world.shape[1] + world.shape[2], world.classes)

    def features(self, x):
        return torch.cat([x.mean((1, 2)), x.mean((1, 3))], 1)

    def forward(self, x, logsnr=None):
        return self.head(self.features(x))
