"""A small U-Net conditioned on lambda and the label by adaptive group normalisation (AdaGN; Dhariwal & Nichol, 2105.05233)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.backbones.condition import Condition, zeroed
from guidance.backbones.late import Features, block_of, by_branch, require_call, require_head, require_one_trunk, with_inner
from guidance.backbones.layers import PerturbedLayers
from guidance.backbones.normalise import GroupNorm, modulated
from guidance.backbones.perturb import Perturbation
from guidance.backbones.strength import Strength


def groups(width: int) -> int:
    """The number of groups of a normalisation over `width` channels: the largest divisor up to 8."""
    return max(g for g in range(1, 9) if width % g == 0)


def heads(width: int, head_width: int = 32) -> int:
    """The number of attention heads over `width` channels: of `head_width` each, or of as little more as divides the width."""
    return max(n for n in range(1, max(1, width // head_width) + 1) if width % n == 0)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the second normalisation is scaled and shifted by the condition.

    resample: of both paths, before the first convolution, as in BigGAN (Brock et al., arXiv 1809.11096, appendix B).
    """

    def __init__(
        self, width_in: int, width: int, condition: int, dropout: float, resample: Callable[[Tensor], Tensor] | None = None
    ):
        super().__init__()
        self.resample = resample or nn.Identity()
        self.enter = nn.Sequential(GroupNorm(groups(width_in), width_in), nn.SiLU())
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1)
        self.norm = GroupNorm(groups(width), width, affine=False)
        self.adapt = nn.Linear(condition, 2 * width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zeroed(nn.Conv2d(width, width, 3, padding=1))
        self.skip = nn.Identity() if width_in == width else nn.Conv2d(width_in, width, 1)

    def forward(self, h: Tensor, condition: Tensor, perturbed: PerturbedLayers | None = None) -> Tensor:
        return self.finish(*self.begin(h), condition)

    def begin(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """What no condition changes: the second normalisation, and the skip connection."""
        return self.norm(self.conv1(self.resample(self.enter(h)))), self.skip(self.resample(h))

    def finish(self, inner: Tensor, bypass: Tensor, condition: Tensor) -> Tensor:
        """The output, of what `begin` gave."""
        scale, shift = self.adapt(condition)[..., None, None].chunk(2, dim=1)
        return bypass + self.conv2(self.dropout(F.silu(modulated(inner, scale, shift))))


class Attention(nn.Module):
    """Self-attention over the pixels, with a residual connection."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm(groups(width), width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = zeroed(nn.Conv2d(width, width, 1))

    def forward(self, h: Tensor, condition: Tensor, perturbed: PerturbedLayers | None = None) -> Tensor:
        tokens = perturbed.enter(h) if perturbed else h
        q, k, v = rearrange(self.qkv(self.norm(tokens)), "b (n m d) y x -> n b m (y x) d", n=3, m=self.heads)
        values = perturbed.attend(q, k, v, (h.shape[2], h.shape[3])) if perturbed else F.scaled_dot_product_attention(q, k, v)
        return h + self.out(rearrange(values, "b m (y x) d -> b (m d) y x", y=h.shape[2]))


def halved(h: Tensor) -> Tensor:
    """The mean of every 2 x 2 pixels."""
    return F.avg_pool2d(h, 2)


def doubled(h: Tensor) -> Tensor:
    """Every pixel four times."""
    return F.interpolate(h, scale_factor=2.0)


class Pool(nn.Module):
    """Half the resolution, without parameters."""

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        return halved(h)


class Widen(nn.Conv2d):
    """Twice the resolution, then a convolution."""

    def __init__(self, width_in: int, width: int):
        super().__init__(width_in, width, 3, padding=1)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]  # a layer of the network, not a convolution
        return super().forward(doubled(h))


class UNet(nn.Module):
    """eps_theta(z, lambda, c), or another target, for images (b, channels, h, w), h and w divisible by 2^(levels - 1).

    width: channels of the first level; multipliers: of each level, halving the resolution between them; blocks:
    residual blocks a level, down and up; attention: the levels (0 is the full resolution) that attend, `head_width` channels
    a head; resample: between levels, "pool" (mean of 2 x 2 down, nearest pixel and a convolution up) or "block", ADM's residual
    blocks; learns_variance: twice the channels come out, the second half for NetworkDenoiser's variance_fraction; strength:
    a further number per sample conditions it, `network(z, logsnr, label, strength=s)`, s (b,) or None, which is 0: the neutral
    one, at which every objective trains the plain conditional model. Before training it changes nothing.

    What guidance.backbones.perturb may change: `attentions` layers, and `blocks`, each a residual block and the attention
    after it; where a block is skipped, the residual block's own skip connection goes on.
    """

    conditioned_on = "logsnr"  # the second argument: see guidance.adapters

    def __init__(
        self,
        channels: int,
        num_classes: int,
        width: int = 32,
        multipliers: Sequence[int] = (1, 2),
        blocks: int = 1,
        attention: Sequence[int] = (1,),
        dropout: float = 0.0,
        learns_variance: bool = False,
        head_width: int = 32,
        resample: str = "pool",
        label_from: int | str = 0,
        internal_head: int = 0,
        strength: bool = False,
    ):
        super().__init__()
        if resample not in ("pool", "block"):
            raise ValueError(f"resample must be pool or block, not {resample!r}")
        out = 2 * channels if learns_variance else channels
        widths = [width * m for m in multipliers]
        if not set(attention) <= set(range(len(widths))):
            raise ValueError(f"attention names the levels {list(attention)}; there are 0 to {len(widths) - 1}")
        self.divisor = 2 ** (len(widths) - 1)
        self.condition = Condition(4 * width, num_classes)

        def stage(width_in: int, width_out: int, level: int) -> nn.ModuleList:
            layers = [ResidualBlock(width_in, width_out, 4 * width, dropout)]
            return nn.ModuleList(layers + [Attention(width_out, heads(width_out, head_width))] * (level in attention))

        def level_down(level: int) -> nn.ModuleList:
            first = widths[max(level - 1, 0)]
            return nn.ModuleList(stage(widths[level] if b else first, widths[level], level) for b in range(blocks))

        self.enter = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(level_down(level) for level in range(len(widths)))
        self.middle = stage(widths[-1], widths[-1], len(widths) - 1)
        self.up = nn.ModuleList(nn.ModuleList(stage(2 * w, w, level) for _ in range(blocks)) for level, w in enumerate(widths))
        stages = [stage for level in (*self.down, [self.middle], *self.up) for stage in stages_of(level)]
        self.blocks, self.attentions = len(stages), sum(len(stage) - 1 for stage in stages)
        self.embedding_width = 4 * width
        if resample == "pool":
            self.shrink = nn.ModuleList(Pool() for _ in widths[1:])
            self.widen = nn.ModuleList(Widen(b, a) for a, b in pairwise(widths))
        else:
            residual = partial(ResidualBlock, condition=4 * width, dropout=dropout)
            self.shrink = nn.ModuleList(residual(a, a, resample=halved) for a in widths[:-1])
            self.widen = nn.ModuleList(residual(b, a, resample=doubled) for a, b in pairwise(widths))
        self.leave = leaving(widths[0], out)
        middle, last = self.blocks // 2, self.blocks - 1
        self.label_from = block_of(label_from, {"middle": middle, "up": middle + 1, "last": last}, last)
        self.shares_trunk, self.internal_head = self.label_from > 0, internal_head
        require_head(internal_head, self.blocks)
        if internal_head:  # made last, so that the other weights of a seed stay what they are
            level = [level for *_, level in self._steps()][internal_head - 1]
            self.inner = nn.Sequential(*leaving(widths[level], channels * 4**level), nn.PixelShuffle(2**level))
        if strength:
            require_one_trunk(self)
            self.condition.strength = Strength(4 * width)  # last, so that the other weights are those of a network without it

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
        if z.shape[-1] % self.divisor or z.shape[-2] % self.divisor:
            raise ValueError(f"images must be divisible by {self.divisor} in height and width, not {tuple(z.shape)}")
        require_call(self, len(z), len(label), internal)
        perturbed = PerturbedLayers(perturbations, self.attentions, self.blocks) if perturbations else None

        steps, first = list(self._steps()), self.label_from

        def enter(index: int, features: Features, condition: Tensor) -> Features:
            """Up to where the condition of a block comes in: it is the last of the skip connections that goes around it."""
            resample, stage, part, _ = steps[index]
            h, skips = features.h if resample is None else resample(features.h, condition), features.skips
            h, skips = (torch.cat([h, skips[-1]], dim=1), skips[:-1]) if part == "up" else (h, skips)
            inner, bypass = cast(ResidualBlock, stage[0]).begin(h)
            return Features(inner, (*skips, bypass), features.inner)

        def finish(index: int, features: Features, condition: Tensor) -> Features:
            _, stage, part, _ = steps[index]
            *skips, bypass = features.skips
            h = cast(ResidualBlock, stage[0]).finish(features.h, bypass, condition)
            for layer in list(stage)[1:]:
                h = layer(h, condition, perturbed)
            h = h if perturbed is None else perturbed.leave(h, lambda: bypass)
            inner = self.inner(h) if internal and index + 1 == self.internal_head else features.inner
            return Features(h, (*skips, h) if part == "down" else tuple(skips), inner)

        def head(features: Features, logsnr: Tensor, label: Tensor) -> Tensor:
            condition = self.condition(logsnr, label, perturbed, strength)
            features = finish(first, features, condition)
            for index in range(first + 1, self.blocks):
                features = finish(index, enter(index, features, condition), condition)
            return with_inner(self.leave(features.h), features.inner).contiguous()

        features = Features(self.enter(z.to(memory_format=torch.channels_last)))  # 1.06 to 1.3 times as fast on a CPU
        condition = self.condition(logsnr, None, perturbed) if first else logsnr  # of no block then
        for index in range(first):
            features = finish(index, enter(index, features, condition), condition)
        return by_branch(enter(first, features, condition), logsnr, label, head, apart)

    def _steps(self) -> Iterator[tuple[nn.Module | None, nn.ModuleList, str, int]]:
        """What resamples before a block, the block, "down", "middle" or "up", and its level, in the order of execution."""
        for level, stages in enumerate(self.down):
            for i, stage in enumerate(stages_of(stages)):
                yield self.shrink[level - 1] if level and not i else None, stage, "down", level
        yield None, self.middle, "middle", len(self.down) - 1
        for level, stages in reversed(list(enumerate(self.up))):
            for i, stage in enumerate(stages_of(stages)):
                yield self.widen[level] if level < len(self.widen) and not i else None, stage, "up", level


def leaving(width: int, channels: int) -> nn.Sequential:
    """The layers from activations to an output, which starts at 0."""
    return nn.Sequential(GroupNorm(groups(width), width), nn.SiLU(), zeroed(nn.Conv2d(width, channels, 3, padding=1)))


def stages_of(level: Any) -> Iterable[nn.ModuleList]:
    """The stages of a level: to a type checker a ModuleList holds any modules."""
    return level
