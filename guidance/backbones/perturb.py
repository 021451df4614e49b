"""Perturbations of a network's layers, for some rows of a batch and not the others: the weak branches of guidance.

A network that can be perturbed takes `perturbations`, pairs of (rows, Perturbation), and applies them where it attends, ends a
block or embeds (`guidance.backbones.layers`). Attention layers and blocks are numbered from 0 in the order of execution. It
declares how many it has: `attentions`, `blocks` and `embedding_width`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Perturbation:
    """The identity. The first dimension of a tensor field is the batch: `of_rows` cuts it as the batch is cut.

    layers: the attention layers whose `attend` is this one; skipped: the blocks whose inner part is left out.
    """

    layers: Sequence[int] = ()
    skipped: Sequence[int] = ()

    def of_rows(self, rows: slice) -> "Perturbation":
        """This perturbation for some of the rows that it was made for."""
        rows_of: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **rows_of) if rows_of else self

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        """The output of a layer's heads (b, m, n, d); n tokens of a grid (height, width), row by row."""
        return F.scaled_dot_product_attention(q, k, v)

    def order(self, layer: int, n: int) -> Int[Tensor, "b n"] | None:
        """The order in which n tokens enter an attention layer of `layers`; None leaves them as they are."""
        return None

    def skips(self, block: int) -> bool | Bool[Tensor, " b"]:
        """Whether the rows leave this block out, all alike or each for itself."""
        return block in self.skipped

    def label(self, embedded: Float[Tensor, "b width"], table: Float[Tensor, "labels width"]) -> Float[Tensor, "b width"]:
        """The embedding of the label; `table` holds every label's, the null label's last."""
        return embedded

    def level(self, embedded: Float[Tensor, "b width"]) -> Float[Tensor, "b width"]:
        """The embedding of lambda."""
        return embedded


@dataclass(frozen=True, eq=False)
class IdentityAttention(Perturbation):
    """The attention map of `layers` is the identity: every token keeps its own value (PAG)."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        return v


@dataclass(frozen=True, eq=False)
class BlurredQueries(Perturbation):
    """The queries of `layers` are blurred over the grid by a Gaussian of `sigma` tokens; infinity is their mean (SEG)."""

    sigma: float = math.inf

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        if math.isinf(self.sigma):
            return F.scaled_dot_product_attention(q.mean(2, keepdim=True).expand_as(q), k, v)
        image = blurred(rearrange(q, "b m (y x) d -> b (m d) y x", y=grid[0]), self.sigma)
        return F.scaled_dot_product_attention(rearrange(image, "b (m d) y x -> b m (y x) d", m=q.shape[1]), k, v)


@dataclass(frozen=True, eq=False)
class TemperedAttention(Perturbation):
    """The logits of the attention of `layers` are multiplied by `temperature`: below 1 its map is flatter (ERG)."""

    temperature: float = 1.0

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        return F.scaled_dot_product_attention(self.temperature * q, k, v)


@dataclass(frozen=True, eq=False, kw_only=True)
class ShuffledTokens(Perturbation):
    """The tokens that enter `layers` are in another order: that of the first n `numbers` (b, len(layers), at least n) (TPG)."""

    numbers: Float[Tensor, "b layers tokens"]

    def order(self, layer: int, n: int) -> Tensor:
        return self.numbers[:, list(self.layers).index(layer), :n].argsort(1)


@dataclass(frozen=True, eq=False)
class RecordedAttention(Perturbation):
    """Changes nothing and records how much each token of `layers` is attended to (SAG): mean over heads, summed over queries.

    attention: a (b, height, width) for every layer and every part of the batch, in their order; 1 is a token's fair share.
    """

    attention: list[Tensor] = field(default_factory=list)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
        self.attention.append(rearrange(weights.mean(1).sum(1), "b (y x) -> b y x", y=grid[0]))
        return super().attend(q, k, v, grid)


@dataclass(frozen=True, eq=False, kw_only=True)
class KeptBlocks(Perturbation):
    """Each row keeps its own blocks: `keep` (b, blocks)."""

    keep: Bool[Tensor, "b blocks"]

    def skips(self, block: int) -> Bool[Tensor, " b"]:
        return ~self.keep[:, block]


@dataclass(frozen=True, eq=False, kw_only=True)
class GaussianLabel(Perturbation):
    """The label's embedding is replaced by a Gaussian of the mean and the standard deviation of the classes' (ICG)."""

    numbers: Float[Tensor, "b width"]

    def label(self, embedded: Tensor, table: Tensor) -> Tensor:
        classes = table[:-1]
        return classes.mean() + classes.std() * self.numbers.to(embedded)


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisyLabel(Perturbation):
    """The label's embedding y becomes sqrt(keep) y + scale sqrt(1 - keep) n, rescaled by psi to y's moments (CADS)."""

    numbers: Float[Tensor, "b width"]
    keep: Float[Tensor, " b"]
    scale: float = 0.25
    psi: float = 1.0

    def label(self, embedded: Tensor, table: Tensor) -> Tensor:
        keep = self.keep[:, None].to(embedded)
        noisy = keep.sqrt() * embedded + self.scale * (1 - keep).sqrt() * self.numbers.to(embedded)
        (mean, std), (label_mean, label_std) = ((e.mean(1, keepdim=True), e.std(1, keepdim=True)) for e in (noisy, embedded))
        rescaled = (noisy - mean) / std.clamp(min=1e-12) * label_std + label_mean
        return torch.where(keep == 1, embedded, torch.lerp(noisy, rescaled, self.psi))


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisyLevel(Perturbation):
    """`numbers` are added to the embedding of lambda (TSG)."""

    numbers: Float[Tensor, "b width"]

    def level(self, embedded: Tensor) -> Tensor:
        return embedded + self.numbers.to(embedded)


def size_of(model, what: str) -> int:
    """`attentions`, `blocks` or `embedding_width` of a denoiser's network. ValueError if it declares none."""
    size = getattr(getattr(model, "network", None), what, None)
    if size is None:
        raise ValueError(
            f"this model's layers cannot be perturbed: it declares no {what}, as a NetworkDenoiser of guidance.backbones does"
        )
    return size


def blurred(image: Float[Tensor, "b c y x"], sigma: float) -> Float[Tensor, "b c y x"]:
    """A Gaussian blur of `sigma` pixels, mirrored at the edges; 3 sigma to either side, but no further than half the image."""
    channels = image.shape[1]
    for axis, size in ((2, image.shape[2]), (3, image.shape[3])):
        half = min(math.ceil(6 * sigma) // 2, size // 2, size - 1)
        taps = (-0.5 * (torch.arange(-half, half + 1, device=image.device) / sigma) ** 2).exp()
        shape = [1, 1, 1, 1]
        shape[axis] = len(taps)
        padded = F.pad(image, (0, 0, half, half) if axis == 2 else (half, half, 0, 0), mode="reflect")
        kernel = (taps / taps.sum()).to(image).view(shape)
        image = F.conv2d(padded, kernel.expand(channels, *shape[1:]), groups=channels)
    return image
