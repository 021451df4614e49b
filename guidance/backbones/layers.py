"""How a network is perturbed: it calls this wherever it attends, ends a block or embeds, and each row gets its perturbation."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from guidance.backbones.perturb import Perturbation


class PerturbedLayers:
    """One call of a network with `attentions` attention layers and `blocks` blocks: counts them, and perturbs the rows."""

    def __init__(self, perturbations: Sequence[tuple[slice, Perturbation]], attentions: int, blocks: int):
        for _, perturbation in perturbations:
            require_indices("attention layers", perturbation.layers, attentions)
            require_indices("blocks", perturbation.skipped, blocks)
        self.perturbations, self.attention, self.block = perturbations, 0, 0

    def attend(self, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, int]) -> Tensor:
        """The next attention layer."""
        layer, self.attention = self.attention, self.attention + 1
        replaced = [
            (rows, perturbation.attend(q[rows], k[rows], v[rows], grid))
            for rows, perturbation in self.perturbations
            if layer in perturbation.layers
        ]
        return with_rows(F.scaled_dot_product_attention(q, k, v), replaced)

    def enter(self, h: Tensor) -> Tensor:
        """The tokens (b, n, d), or (b, d, height, width), that enter the next attention layer."""
        n = h.shape[1] if h.ndim == 3 else h.shape[2] * h.shape[3]
        orders = [
            (rows, perturbation.order(self.attention, n))
            for rows, perturbation in self.perturbations
            if self.attention in perturbation.layers
        ]
        return with_rows(h, [(rows, reordered(h[rows], order)) for rows, order in orders if order is not None])

    def leave(self, h: Tensor, bypass: Callable[[], Tensor]) -> Tensor:
        """The next block: its output h, or for rows that skip it what bypasses it."""
        block, self.block = self.block, self.block + 1
        skipping = [(rows, perturbation.skips(block)) for rows, perturbation in self.perturbations]
        skipping = [(rows, skipped) for rows, skipped in skipping if skipped is not False]
        bypassed = bypass() if skipping else h
        return with_rows(h, [(rows, chosen(skipped, bypassed[rows], h[rows])) for rows, skipped in skipping])

    def label(self, embedded: Tensor, table: Tensor) -> Tensor:
        """The embedding of the label."""
        return with_rows(
            embedded, [(rows, perturbation.label(embedded[rows], table)) for rows, perturbation in self.perturbations]
        )

    def level(self, embedded: Tensor) -> Tensor:
        """The embedding of lambda."""
        return with_rows(embedded, [(rows, perturbation.level(embedded[rows])) for rows, perturbation in self.perturbations])


def chosen(skipped: bool | Bool[Tensor, " b"], bypassed: Tensor, h: Tensor) -> Tensor:
    """`bypassed` of the rows that are skipped (all, if `skipped` is True), h of the others."""
    if isinstance(skipped, bool):
        return bypassed if skipped else h
    return torch.where(skipped.reshape(-1, *(1,) * (h.ndim - 1)), bypassed, h)


def reordered(h: Tensor, order: Int[Tensor, "b n"]) -> Tensor:
    """The tokens of h, (b, n, d) or (b, d, height, width), each row's in its order."""
    if h.ndim == 3:
        return h.gather(1, order[:, :, None].expand_as(h))
    tokens = h.flatten(2)
    return tokens.gather(2, order[:, None].expand_as(tokens)).view(h.shape)


def with_rows(tensor: Tensor, replaced: Sequence[tuple[slice, Tensor]]) -> Tensor:
    """`tensor` with some of its rows replaced; `tensor` itself is left alone."""
    tensor = tensor.clone() if replaced else tensor
    for rows, value in replaced:
        tensor[rows] = value
    return tensor


def require_indices(what: str, indices: Sequence[int], count: int) -> None:
    """ValueError unless every index is below `count`."""
    if unknown := [index for index in indices if not 0 <= index < count]:
        raise ValueError(f"the network has {count} {what}, 0 to {count - 1}: there is no {unknown[0]}")
