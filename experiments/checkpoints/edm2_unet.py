"""EDM2's magnitude-preserving U-Net (Karras et al., arXiv 2312.02696, config G), parameters named as in its pickles.

Equations are of the paper's appendix B. Weights are normalised at every use, as in the paper: what a file holds has any length.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

EPS = 1e-4


def unit(h: Tensor, dims: Sequence[int]) -> Tensor:
    """h over the root mean square of its entries along `dims`, EPS added to that."""
    rms = h.square().mean(tuple(dims), keepdim=True).sqrt()
    return h / (rms + EPS)


def silu(h: Tensor) -> Tensor:
    """SiLU of unit magnitude (eq. 81)."""
    return F.silu(h) / 0.596


def mixed(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The sum of a and b, `share` of it b, of unit magnitude (eq. 88)."""
    return torch.lerp(a, b, share) / math.hypot(1 - share, share)


def joined(a: Tensor, b: Tensor, share: float) -> Tensor:
    """a and b beside each other, each of its share of magnitude whatever their channels (eq. 103)."""
    width_a, width_b = a.shape[1], b.shape[1]
    whole = math.sqrt((width_a + width_b) / ((1 - share) ** 2 + share**2))
    return torch.cat([a * (whole * (1 - share) / math.sqrt(width_a)), b * (whole * share / math.sqrt(width_b))], 1)


class Waves(nn.Module):
    """Cosines of c_noise at random frequencies and phases, which the file holds (eq. 75)."""

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("freqs", torch.empty(width))
        self.register_buffer("phases", torch.empty(width))

    def forward(self, noise: Float[Tensor, " b"]) -> Float[Tensor, "b width"]:
        return math.sqrt(2) * torch.cos(noise[:, None] * self.freqs + self.phases)


class Conv(nn.Module):
    """A convolution or linear map with weights of unit magnitude over each output's inputs (eq. 47, 66); no bias."""

    def __init__(self, width_in: int, width: int, *kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, width_in, *kernel))

    def forward(self, h: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        weight = unit(self.weight, range(1, self.weight.ndim)) * (gain / math.sqrt(self.weight[0].numel()))
        return F.linear(h, weight) if weight.ndim == 2 else F.conv2d(h, weight, padding=weight.shape[-1] // 2)


class Block(nn.Module):
    """A block of the encoder or (`decoder`) of the decoder, with attention over the pixels (figure 21)."""

    def __init__(
        self,
        width_in: int,
        width: int,
        embedding: int,
        decoder: bool,
        resample: str = "keep",
        attends: bool = False,
        channels_per_head: int = 64,
        res_balance: float = 0.3,
        attn_balance: float = 0.3,
        clip_act: float | None = 256,
    ):
        super().__init__()
        self.decoder, self.resample, self.heads = decoder, resample, width // channels_per_head
        self.res_balance, self.attn_balance, self.clip_act, self.attends = res_balance, attn_balance, clip_act, attends
        self.emb_gain = nn.Parameter(torch.zeros([]))
        self.conv_res0 = Conv(width_in if decoder else width, width, 3, 3)
        self.emb_linear = Conv(embedding, width)
        self.conv_res1 = Conv(width, width, 3, 3)
        self.conv_skip = Conv(width_in, width, 1, 1) if width_in != width else None
        if attends:
            self.attn_qkv, self.attn_proj = Conv(width, 3 * width, 1, 1), Conv(width, width, 1, 1)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        if self.resample != "keep":
            h = F.avg_pool2d(h, 2) if self.resample == "down" else F.interpolate(h, scale_factor=2.0)
        if not self.decoder:
            h = unit(h if self.conv_skip is None else self.conv_skip(h), [1])
        scale = 1 + self.emb_linear(embedding, self.emb_gain)[:, :, None, None]
        inner = self.conv_res1(silu(self.conv_res0(silu(h)) * scale))
        if self.decoder and self.conv_skip is not None:
            h = self.conv_skip(h)
        h = mixed(h, inner, self.res_balance)
        if self.attends:
            h = mixed(h, self.attn_proj(self._attention(h)), self.attn_balance)
        return h if self.clip_act is None else h.clamp(-self.clip_act, self.clip_act)

    def _attention(self, h: Tensor) -> Tensor:
        heads = rearrange(self.attn_qkv(h), "b (m d n) y x -> n b m (y x) d", n=3, m=self.heads)
        values = F.scaled_dot_product_attention(*unit(heads, [-1]))
        return rearrange(values, "b m (y x) d -> b (m d) y x", y=h.shape[2])


class EDM2UNet(nn.Module):
    """F (x, c_noise, one-hot label); zeros are no label. The arguments are those of EDM2's UNet."""

    def __init__(
        self,
        size: int,
        channels: int,
        label_dim: int,
        model_channels: int = 192,
        channel_mult: Sequence[int] = (1, 2, 3, 4),
        channel_mult_noise: int | None = None,
        channel_mult_emb: int | None = None,
        num_blocks: int = 3,
        attn_resolutions: Sequence[int] = (16, 8),
        label_balance: float = 0.5,
        concat_balance: float = 0.5,
        **of_blocks: float,
    ):
        super().__init__()
        widths = [model_channels * factor for factor in channel_mult]
        waves = model_channels * channel_mult_noise if channel_mult_noise else widths[0]
        embedding = model_channels * channel_mult_emb if channel_mult_emb else max(widths)
        self.label_dim, self.label_balance, self.concat_balance = label_dim, label_balance, concat_balance
        self.out_gain = nn.Parameter(torch.zeros([]))
        self.emb_fourier, self.emb_noise = Waves(waves), Conv(waves, embedding)
        self.emb_label = Conv(label_dim, embedding) if label_dim else None

        def block(width_in: int, width: int, decoder: bool, resample: str = "keep", attends: bool = False) -> Block:
            return Block(width_in, width, embedding, decoder, resample, attends, **of_blocks)

        at = [f"{size >> level}x{size >> level}" for level in range(len(widths))]
        attends, width = [size >> level in attn_resolutions for level in range(len(widths))], widths[0]
        self.enc, self.dec, skips = nn.ModuleDict({f"{at[0]}_conv": Conv(channels + 1, width, 3, 3)}), nn.ModuleDict(), [width]
        for level, wide in enumerate(widths):
            if level:
                self.enc[f"{at[level]}_down"] = block(width, width, False, "down")
                skips.append(width)
            for index in range(num_blocks):
                self.enc[f"{at[level]}_block{index}"] = block(width, wide, False, attends=attends[level])
                width = wide
                skips.append(width)
        for level, wide in reversed(list(enumerate(widths))):
            if level == len(widths) - 1:
                self.dec[f"{at[level]}_in0"] = block(width, width, True, attends=True)
                self.dec[f"{at[level]}_in1"] = block(width, width, True)
            else:
                self.dec[f"{at[level]}_up"] = block(width, width, True, "up")
            for index in range(num_blocks + 1):
                self.dec[f"{at[level]}_block{index}"] = block(width + skips.pop(), wide, True, attends=attends[level])
                width = wide
        self.out_conv = Conv(width, channels, 3, 3)

    def forward(
        self, x: Float[Tensor, "b c h w"], noise: Float[Tensor, " b"], label: Float[Tensor, "b classes"]
    ) -> Float[Tensor, "b c h w"]:
        embedding = self.emb_noise(self.emb_fourier(noise))
        if self.emb_label is not None:
            embedding = mixed(embedding, self.emb_label(label * math.sqrt(self.label_dim)), self.label_balance)
        embedding, skips, h = silu(embedding), [], torch.cat([x, torch.ones_like(x[:, :1])], 1)
        for layer in self.enc.values():
            h = layer(h, embedding) if isinstance(layer, Block) else layer(h)
            skips.append(h)
        for name, layer in self.dec.items():
            h = layer(joined(h, skips.pop(), self.concat_balance) if "_block" in name else h, embedding)
        return self.out_conv(h, self.out_gain)
