"""EDM's two U-Nets, with parameters named as in its pickles: `song` (DDPM++ and NCSN++ of Song et al., arXiv 2011.13456) and
`dhariwal` (ADM's), as Karras et al., arXiv 2206.00364, section F, describe them.

Their differences are in Style: how the embedding enters a block, how its branches are added, where the decoder attends.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


class Style(NamedTuple):
    """adaptive: the embedding scales and shifts (else it is added); branches: the factor of a sum; projects: a resampled skip
    connection has weights; head: channels of an attention head (None: one head); decoder_attends: each block (else the last).
    """

    adaptive: bool
    branches: float
    eps: float
    projects: bool
    head: int | None
    decoder_attends: bool


SONG = Style(adaptive=False, branches=math.sqrt(0.5), eps=1e-6, projects=True, head=None, decoder_attends=False)
DHARIWAL = Style(adaptive=True, branches=1.0, eps=1e-5, projects=False, head=64, decoder_attends=True)


class Norm(nn.GroupNorm):
    """Group normalisation of at most 32 groups of at least 4 channels."""

    def __init__(self, width: int, eps: float):
        super().__init__(min(32, width // 4), width, eps)


class Conv(nn.Module):
    """A convolution; before it the image is doubled ("up") or halved ("down") by a separable filter. kernel 0: only that.

    after: the image is halved after the convolution, which is widened by the filter's reach.
    """

    def __init__(
        self, width_in: int, width: int, kernel: int, resample: str = "keep", taps: Sequence[int] = (1, 1), after: bool = False
    ):
        super().__init__()
        self.resample, self.after, self.reach = resample, after, (len(taps) - 1) // 2
        if kernel:
            self.weight = nn.Parameter(torch.empty(width, width_in, kernel, kernel))
            self.bias = nn.Parameter(torch.empty(width))
        self.padding = kernel // 2 if kernel else None
        if resample != "keep":
            line = torch.tensor(taps, dtype=torch.float32)
            self.register_buffer("resample_filter", (line[:, None] * line / line.sum() ** 2)[None, None])

    def forward(self, h: Tensor) -> Tensor:
        if self.after:
            halved = self._resampled(F.conv2d(h, self.weight, padding=self.padding + self.reach), padding=0)
            return halved + self.bias[:, None, None]
        h = h if self.resample == "keep" else self._resampled(h, self.reach)
        return h if self.padding is None else F.conv2d(h, self.weight, self.bias, padding=self.padding)

    def _resampled(self, h: Tensor, padding: int) -> Tensor:
        taps = self.resample_filter.expand(h.shape[1], -1, -1, -1)
        if self.resample == "up":
            return F.conv_transpose2d(h, 4 * taps, stride=2, padding=padding, groups=h.shape[1])
        return F.conv2d(h, taps, stride=2, padding=padding, groups=h.shape[1])


class Block(nn.Module):
    """Two convolutions, the embedding between them, a skip connection, and attention over the pixels."""

    def __init__(
        self,
        width_in: int,
        width: int,
        embedding: int,
        style: Style,
        resample: str = "keep",
        attends: bool = False,
        taps: Sequence[int] = (1, 1),
    ):
        super().__init__()
        self.style, self.attends = style, attends
        self.heads = width // style.head if style.head else 1
        self.norm0 = Norm(width_in, style.eps)
        self.conv0 = Conv(width_in, width, 3, resample, taps)
        self.affine = nn.Linear(embedding, 2 * width if style.adaptive else width)
        self.norm1 = Norm(width, style.eps)
        self.conv1 = Conv(width, width, 3)
        resampled = resample != "keep"
        self.skip = None
        if resampled or width != width_in:
            self.skip = Conv(width_in, width, 1 if style.projects or width != width_in else 0, resample, taps)
        if attends:
            self.norm2 = Norm(width, style.eps)
            self.qkv = Conv(width, 3 * width, 1)
            self.proj = Conv(width, width, 1)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        inner, condition = self.conv0(F.silu(self.norm0(h))), self.affine(embedding)[:, :, None, None]
        if self.style.adaptive:
            scale, shift = condition.chunk(2, 1)
            inner = self.norm1(inner) * (1 + scale) + shift
        else:
            inner = self.norm1(inner + condition)
        h = ((h if self.skip is None else self.skip(h)) + self.conv1(F.silu(inner))) * self.style.branches
        return (h + self.proj(self._attention(self.norm2(h)))) * self.style.branches if self.attends else h

    def _attention(self, h: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(h), "b (m d n) y x -> n b m (y x) d", n=3, m=self.heads)
        return rearrange(F.scaled_dot_product_attention(q, k, v), "b m (y x) d -> b (m d) y x", y=h.shape[2])


class Waves(nn.Module):
    """Cosines and sines of c_noise: of a geometric series of frequencies, or (`fourier`) of random ones that the file holds.

    endpoint: the series reaches 1e-4.
    """

    def __init__(self, width: int, fourier: bool, endpoint: bool):
        super().__init__()
        self.half, self.last = width // 2, width // 2 - endpoint
        if fourier:
            self.register_buffer("freqs", torch.empty(width // 2))

    def forward(self, noise: Float[Tensor, " b"]) -> tuple[Tensor, Tensor]:
        if hasattr(self, "freqs"):
            angle = noise[:, None] * (2 * math.pi * self.freqs)
        else:
            angle = noise[:, None] * 1e-4 ** (torch.arange(self.half, device=noise.device) / self.last)
        return angle.cos(), angle.sin()


class EDMUNet(nn.Module):
    """F (x, c_noise, one-hot label); zeros are no label. The arguments are those of EDM's SongUNet and DhariwalUNet."""

    def __init__(
        self,
        style: Style,
        size: int,
        channels: int,
        label_dim: int,
        model_channels: int,
        channel_mult: Sequence[int],
        num_blocks: int,
        attn_resolutions: Sequence[int],
        channel_mult_emb: int = 4,
        augment_dim: int = 0,
        embedding_type: str = "positional",
        channel_mult_noise: int = 1,
        encoder_type: str = "standard",
        resample_filter: Sequence[int] = (1, 1),
    ):
        super().__init__()
        self.song, self.label_dim = style is SONG, label_dim
        embedding, waves = model_channels * channel_mult_emb, model_channels * channel_mult_noise
        self.map_noise = Waves(waves, embedding_type == "fourier", endpoint=self.song)
        if label_dim:
            self.map_label = nn.Linear(label_dim, waves if self.song else embedding, bias=self.song)
        if augment_dim:  # of training; at sampling nothing is augmented, and it adds nothing
            self.map_augment = nn.Linear(augment_dim, waves, bias=False)
        self.map_layer0, self.map_layer1 = nn.Linear(waves, embedding), nn.Linear(embedding, embedding)

        def block(width_in: int, width: int, resample: str = "keep", attends: bool = False) -> Block:
            return Block(width_in, width, embedding, style, resample, attends, resample_filter)

        widths = [model_channels * factor for factor in channel_mult]
        at = [f"{size >> level}x{size >> level}" for level in range(len(widths))]
        attends = [size >> level in attn_resolutions for level in range(len(widths))]
        width = model_channels if self.song else widths[0]
        self.enc, self.dec = nn.ModuleDict({f"{at[0]}_conv": Conv(channels, width, 3)}), nn.ModuleDict()
        skips, residual = [width], channels
        for level, wide in enumerate(widths):
            if level:
                self.enc[f"{at[level]}_down"] = block(width, width, "down")
                skips.append(width)
                if encoder_type == "residual":
                    self.enc[f"{at[level]}_aux_residual"] = Conv(residual, width, 3, "down", resample_filter, after=True)
                    residual = width
            for index in range(num_blocks):
                self.enc[f"{at[level]}_block{index}"] = block(width, wide, attends=attends[level])
                width = wide
                skips.append(width)
        for level, wide in reversed(list(enumerate(widths))):
            if level == len(widths) - 1:
                self.dec[f"{at[level]}_in0"], self.dec[f"{at[level]}_in1"] = (
                    block(width, width, attends=True),
                    block(width, width),
                )
            else:
                self.dec[f"{at[level]}_up"] = block(width, width, "up")
            for index in range(num_blocks + 1):
                here = attends[level] and (style.decoder_attends or index == num_blocks)
                self.dec[f"{at[level]}_block{index}"] = block(width + skips.pop(), wide, attends=here)
                width = wide
        if self.song:
            self.dec[f"{at[0]}_aux_norm"], self.dec[f"{at[0]}_aux_conv"] = Norm(width, style.eps), Conv(width, channels, 3)
        else:
            self.out_norm, self.out_conv = Norm(width, style.eps), Conv(width, channels, 3)

    def embedding(self, noise: Float[Tensor, " b"], label: Float[Tensor, "b classes"]) -> Float[Tensor, "b width"]:
        """Of the noise level and the label."""
        cosines, sines = self.map_noise(noise)
        if self.song:
            waves = torch.cat([sines, cosines], 1)
            waves = waves + self.map_label(label * math.sqrt(self.label_dim)) if self.label_dim else waves
            return F.silu(self.map_layer1(F.silu(self.map_layer0(waves))))
        mixed = self.map_layer1(F.silu(self.map_layer0(torch.cat([cosines, sines], 1))))
        return F.silu(mixed + self.map_label(label) if self.label_dim else mixed)

    def forward(
        self, x: Float[Tensor, "b c h w"], noise: Float[Tensor, " b"], label: Float[Tensor, "b classes"]
    ) -> Float[Tensor, "b c h w"]:
        embedding, h, residual, skips = self.embedding(noise, label), x, x, []
        for name, layer in self.enc.items():
            if name.endswith("_aux_residual"):
                skips[-1] = h = residual = (h + layer(residual)) * math.sqrt(0.5)
                continue
            h = layer(h, embedding) if isinstance(layer, Block) else layer(h)
            skips.append(h)
        for name, layer in self.dec.items():
            if isinstance(layer, Block):
                h = layer(torch.cat([h, skips.pop()], 1) if "_block" in name else h, embedding)
        norm, conv = list(self.dec.values())[-2:] if self.song else (self.out_norm, self.out_conv)
        return conv(F.silu(norm(h)))
