"""A small diffusion transformer (DiT), conditioned on lambda and the label by adaLN-Zero (Peebles & Xie, arXiv 2212.09748)."""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float, Int
from timm.layers import Attention, Mlp, PatchEmbed
from torch import Tensor, nn

from guidance.backbones.condition import Condition, zeroed
from guidance.backbones.late import Features, block_of, by_branch, require_call, require_head, require_one_trunk, with_inner
from guidance.backbones.layers import PerturbedLayers
from guidance.backbones.perturb import Perturbation
from guidance.backbones.strength import Strength


def positions(grid: tuple[int, int], width: int) -> Float[Tensor, "1 n width"]:
    """Sines and cosines of the row and of the column of each token, half the width each."""
    frequencies = torch.logspace(0, -4, width // 4)
    rows, columns = (torch.arange(size).float()[:, None] * frequencies for size in grid)
    waves = [torch.cat([angle.sin(), angle.cos()], -1) for angle in (rows, columns)]
    each = torch.cat([waves[0][:, None].expand(-1, grid[1], -1), waves[1][None].expand(grid[0], -1, -1)], -1)
    return rearrange(each, "y x d -> 1 (y x) d")


class Block(nn.Module):
    """Attention and a perceptron, each normalised, scaled and shifted by the condition before and gated by it after."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6, elementwise_affine=False) for _ in range(2))
        self.attention = Attention(width, heads, qkv_bias=True)
        self.mlp = Mlp(width, 4 * width, act_layer=lambda: nn.GELU(approximate="tanh"))  # type: ignore[arg-type]  # timm calls it
        self.adapt = zeroed(nn.Linear(width, 6 * width))

    def forward(self, h: Tensor, condition: Tensor, grid: tuple[int, int], perturbed: PerturbedLayers | None = None) -> Tensor:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.adapt(condition)[:, None].chunk(6, -1)
        h = block_input = perturbed.enter(h) if perturbed else h
        h = h + gate1 * self._attend(self.norms[0](h) * (1 + scale1) + shift1, grid, perturbed)
        h = h + gate2 * self.mlp(self.norms[1](h) * (1 + scale2) + shift2)
        return perturbed.leave(h, lambda: block_input) if perturbed else h

    def _attend(self, h: Tensor, grid: tuple[int, int], perturbed: PerturbedLayers | None) -> Tensor:
        if perturbed is None:
            return self.attention(h)
        q, k, v = rearrange(self.attention.qkv(h), "b t (n m d) -> n b m t d", n=3, m=self.attention.num_heads)
        return self.attention.proj(rearrange(perturbed.attend(q, k, v, grid), "b m t d -> b t (m d)"))


class DiT(nn.Module):
    """eps_theta(z, lambda, c), or another target, for images (b, channels, size, size).

    size: height and width, divisible by patch; width: of the tokens, divisible by 4 and by heads; depth: blocks, each with one
    attention layer; learns_variance: twice the channels come out, the second half for NetworkDenoiser's variance_fraction.
    strength: a further number per sample conditions it, as it does a UNet. Its output starts at 0. guidance.backbones.perturb may
    change all that it may in a UNet.

    label_from: the block from which on the label is seen (guidance.backbones.late), as an index or as "middle", "last" or
    "output" (the scale and shift after the last block alone); 0: all. internal_head: after how many blocks a second output, of
    the mean, is made (guidance.methods.internal); 0: none. forward(internal=True) gives it too, along the channels.
    """

    conditioned_on = "logsnr"  # the second argument: see guidance.adapters

    def __init__(
        self,
        channels: int,
        num_classes: int,
        size: int,
        patch: int = 2,
        width: int = 64,
        depth: int = 4,
        heads: int = 2,
        learns_variance: bool = False,
        label_from: int | str = 0,
        internal_head: int = 0,
        strength: bool = False,
    ):
        super().__init__()
        if size % patch or width % 4 or width % heads:
            raise ValueError(f"patch must divide size, and 4 and heads width, not {patch}: {size}, {heads}: {width}")
        self.patch, self.grid, self.out = patch, (size // patch, size // patch), 2 * channels if learns_variance else channels
        self.label_from = block_of(label_from, {"middle": depth // 2, "last": depth - 1, "output": depth}, depth)
        self.shares_trunk, self.internal_head = self.label_from > 0, internal_head
        require_head(internal_head, depth)
        self.blocks = self.attentions = depth
        self.embedding_width = width
        self.condition = Condition(width, num_classes)
        self.enter = PatchEmbed(size, patch, channels, width)
        self.register_buffer("positions", positions(self.grid, width), persistent=False)
        self.trunk = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.adapt = zeroed(nn.Linear(width, 2 * width))
        self.leave = zeroed(nn.Linear(width, patch**2 * self.out))
        if internal_head:  # made last, so that the other weights of a seed stay what they are
            self.inner_adapt, self.inner_leave = (
                zeroed(nn.Linear(width, 2 * width)),
                zeroed(nn.Linear(width, patch**2 * channels)),
            )
        if strength:
            require_one_trunk(self)
            self.condition.strength = Strength(width)  # last, so that the other weights are those of a network without it

    def forward(
        self,
        z: Float[Tensor, "b c h w"],
        logsnr: Float[Tensor, " b"],
        label: Int[Tensor, " kb"],
        perturbations: Sequence[tuple[slice, Perturbation]] = (),
        internal: bool = False,
        apart: bool = False,
        strength: Float[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "kb out h w"]:
        require_call(self, len(z), len(label), internal)
        perturbed = PerturbedLayers(perturbations, self.attentions, self.blocks) if perturbations else None

        def run(features: Features, blocks: range, condition: Tensor) -> Features:
            h, _, inner = features
            for index in blocks:
                h = self.trunk[index](h, condition, self.grid, perturbed)
                if internal and index + 1 == self.internal_head:
                    inner = self._output(h, condition, self.inner_adapt, self.inner_leave)
            return Features(h, inner=inner)

        def head(features: Features, logsnr: Tensor, label: Tensor) -> Tensor:
            condition = self.condition(logsnr, label, perturbed, **({} if strength is None else {"strength": strength}))
            features = run(features, range(self.label_from, self.blocks), condition)
            return with_inner(self._output(features.h, condition, self.adapt, self.leave), features.inner)

        features = Features(self.enter(z) + self.positions)
        if self.label_from:
            features = run(features, range(self.label_from), self.condition(logsnr, None, perturbed))
        return by_branch(features, logsnr, label, head, apart)

    def _output(self, h: Tensor, condition: Tensor, adapt: nn.Module, leave: nn.Module) -> Tensor:
        """The image that tokens say."""
        scale, shift = adapt(condition)[:, None].chunk(2, -1)
        output = leave(self.norm(h) * (1 + scale) + shift)
        return rearrange(output, "b (y x) (p q c) -> b c (y p) (x q)", y=self.grid[0], p=self.patch, q=self.patch)
