"""What networks are conditioned by: one embedding of lambda and the label."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.backbones.layers import PerturbedLayers
from guidance.backbones.strength import Strength, with_strength


def zeroed(module: nn.Module) -> nn.Module:
    """`module` with its parameters at zero: a residual branch that starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def lambda_frequencies(count: int) -> Float[Tensor, " count"]:
    """The frequencies of the sines and cosines of lambda that networks are conditioned on."""
    return torch.logspace(math.log10(0.05), math.log10(4), count)


class Condition(nn.Module):
    """The embedding (b, width) of lambda, by sines and cosines, and of the label; the last label is the null one.

    Without a label (None) it is that of lambda alone. strength: the embedding of a third condition that is added to them, of a
    network that has one. Without a strength it is 0.
    """

    frequencies: Tensor

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        self.register_buffer("frequencies", lambda_frequencies(width // 4))
        self.label = nn.Embedding(num_classes + 1, width)
        self.mlp = nn.Sequential(nn.Linear(width // 4 * 2, width), nn.SiLU(), nn.Linear(width, width))
        self.strength: Strength | None = None

    def forward(
        self,
        logsnr: Float[Tensor, " b"],
        label: Int[Tensor, " b"] | None,
        perturbed: PerturbedLayers | None = None,
        strength: Float[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b width"]:
        angle = logsnr[:, None] * self.frequencies
        level = self.mlp(torch.cat([angle.sin(), angle.cos()], -1))
        level = level if perturbed is None else perturbed.level(level)
        if label is None:
            return F.silu(level)
        label_embedding = self.label(label)
        if perturbed is not None:
            label_embedding = perturbed.label(label_embedding, self.label.weight)
        return F.silu(with_strength(level + label_embedding, self.strength, strength))
