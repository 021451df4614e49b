"""The classifier of Dhariwal & Nichol: the down half of a U-Net with attention pooling. arXiv 2105.05233, section 4, App. H.

The blocks are those of guidance.backbones.unet, conditioned on lambda in the same way; the head is CLIP's attention pooling
(Radford et al., arXiv 2103.00020): one token, the mean of all, attends to every pixel of the last level.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from classifiers.enlarge import enlarge
from guidance.backbones.condition import Condition
from guidance.backbones.unet import Attention, ResidualBlock, groups, heads

HALF_UNET = "half-unet"  # its name, in addition to timm's


class AttentionPool(nn.Module):
    """(b, width, h, w) to (b, width): the mean token attends to itself and to every pixel, positions learned."""

    def __init__(self, width: int, side: int, heads: int):
        super().__init__()
        self.heads = heads
        self.positions = nn.Parameter(torch.randn(side**2 + 1, width) / math.sqrt(width))
        self.q, self.kv, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, h: Float[Tensor, "b width side side"]) -> Float[Tensor, "b width"]:
        tokens = rearrange(h, "b d y x -> b (y x) d")
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1) + self.positions
        q = rearrange(self.q(tokens[:, :1]), "b t (m d) -> b m t d", m=self.heads)
        k, v = rearrange(self.kv(tokens), "b t (n m d) -> n b m t d", n=2, m=self.heads)
        return self.out(rearrange(F.scaled_dot_product_attention(q, k, v), "b m 1 d -> b (m d)"))


class HalfUNet(nn.Module):
    """Logits (b, classes) of z (b, channels, size, size), or of smaller images, at logsnr (b,).

    width, multipliers, blocks, attention, dropout: as of a UNet. ValueError for a size that the halvings do not divide.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        size: int,
        width: int = 32,
        multipliers: Sequence[int] = (1, 2),
        blocks: int = 1,
        attention: Sequence[int] = (1,),
        dropout: float = 0.0,
    ):
        super().__init__()
        if size % 2 ** (len(multipliers) - 1):
            raise ValueError(f"images of {size} cannot be halved {len(multipliers) - 1} times: choose fewer multipliers")
        self.size = size
        widths = [width * m for m in multipliers]
        self.condition = Condition(4 * width, 0)  # of no classes: its only label is the null one
        self.enter = nn.Conv2d(channels, widths[0], 3, padding=1)

        def stage(width_in: int, level: int) -> nn.ModuleList:
            layers = [ResidualBlock(width_in, widths[level], 4 * width, dropout)]
            return nn.ModuleList(layers + [Attention(widths[level], heads(widths[level]))] * (level in attention))

        self.down = nn.ModuleList(
            nn.ModuleList(stage(widths[level] if b else widths[max(level - 1, 0)], level) for b in range(blocks))
            for level in range(len(widths))
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(groups(widths[-1]), widths[-1]),
            nn.SiLU(),
            AttentionPool(widths[-1], size // 2 ** (len(widths) - 1), heads(widths[-1])),
            nn.Linear(widths[-1], num_classes),
        )

    def forward(self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        z = enlarge(z, self.size)
        condition = self.condition(logsnr, torch.zeros_like(logsnr, dtype=torch.long))
        h = self.enter(z)
        for level, stages in enumerate(self.down):
            h = F.avg_pool2d(h, 2) if level else h
            for layers in stages:
                for layer in layers:
                    h = layer(h, condition)
        return self.leave(h)
