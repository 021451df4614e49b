"""How a network lets itself be altered: it asks here wherever it attends, ends a block or embeds, and rows go their own way."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from guidance.backbones.perturb import Alteration


class Insides:
    """One call of a network with `attentions` attention layers and `blocks` blocks: counts them off, and alters the rows."""

    def __init__(self, altered: Sequence[tuple[slice, Alteration]], attentions: int, blocks: int):
        for _, one in altered:
            require_inside("attention layers", one.layers, attentions)
            require_inside("blocks", one.skipped, blocks)
        self.altered, self.attention, self.block = altered, 0, 0

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        """The next attention layer."""
        layer, self.attention = self.attention, self.attention + 1
        parts = [(rows, one.attend(q[rows], k[rows], v[rows], grid)) for rows, one in self.altered if layer in one.layers]
        return put(F.scaled_dot_product_attention(q, k, v), parts)

    def leave(self, h: Tensor, bypass: Callable[[], Tensor]) -> Tensor:
        """The next block: its output h, or for rows that leave it out what goes past it."""
        block, self.block = self.block, self.block + 1
        skipping = [(rows, one.skips(block)) for rows, one in self.altered]
        skipping = [(rows, which) for rows, which in skipping if which is not False]
        past = bypass() if skipping else h
        return put(h, [(rows, torch.where(mask(which, h), past[rows], h[rows])) for rows, which in skipping])

    def label(self, embedded: Tensor, table: Tensor) -> Tensor:
        """The embedding of the label."""
        return put(embedded, [(rows, one.label(embedded[rows], table)) for rows, one in self.altered])

    def level(self, embedded: Tensor) -> Tensor:
        """The embedding of lambda."""
        return put(embedded, [(rows, one.level(embedded[rows])) for rows, one in self.altered])


def mask(which: bool | Bool[Tensor, " b"], h: Tensor) -> Tensor:
    """`which` of the rows, shaped to broadcast against h."""
    return torch.as_tensor(which, device=h.device).reshape(-1, *(1,) * (h.ndim - 1))


def put(whole: Tensor, parts: Sequence[tuple[slice, Tensor]]) -> Tensor:
    """`whole` with some of its rows replaced; `whole` itself is left alone."""
    whole = whole.clone() if parts else whole
    for rows, part in parts:
        whole[rows] = part
    return whole


def require_inside(what: str, asked: Sequence[int], there: int) -> None:
    """ValueError unless every index names one of `there`."""
    if wrong := [index for index in asked if not 0 <= index < there]:
        raise ValueError(f"the network has {there} {what}, 0 to {there - 1}: there is no {wrong[0]}")
