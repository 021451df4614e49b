"""A further condition of a network, the strength: one number per sample, its embedding added to those of lambda and label."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Strength(nn.Module):
    """The embedding (b, width) of a strength (b,), by sines and cosines and a perceptron whose last layer starts at 0."""

    frequencies: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(-1, 1, width // 4), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(width // 4 * 2, width), nn.SiLU(), nn.Linear(width, width))
        for weight in self.mlp[-1].parameters():
            nn.init.zeros_(weight)

    def forward(self, strength: Float[Tensor, " b"]) -> Float[Tensor, "b width"]:
        angle = strength[:, None] * self.frequencies
        return self.mlp(torch.cat([angle.sin(), angle.cos()], -1))


def with_strength(embedded: Float[Tensor, "b width"], embed: Strength | None, strength: Tensor | None) -> Tensor:
    """`embedded` and the embedding of the strength, None being 0. ValueError for a strength where there is no embedding."""
    if embed is not None:
        return embedded + embed(embedded.new_zeros(len(embedded)) if strength is None else strength.to(embedded))
    if strength is not None:
        raise ValueError("this network is not conditioned on a strength: build it with strength=True")
    return embedded
