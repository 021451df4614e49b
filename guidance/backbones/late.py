"""Late conditioning: the blocks before a place, the trunk, see z and lambda alone; those from there on, the head, the label too.

Ho & Salimans (arXiv 2207.12598, section 5) name it as the cure for the second forward of classifier-free guidance: branches that
differ in their label alone share the trunk. A network that says `shares_trunk` takes k labels for each row of z, branch after
branch: (k b,) labels and (b,) rows of z and lambda give (k b,) rows of output, the trunk evaluated once.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Features(NamedTuple):
    """What one part of a network leaves to the next: its activations, those that skip connections carry, an internal output."""

    h: Tensor
    skips: tuple[Tensor, ...] = ()
    inner: Tensor | None = None

    def repeated(self, times: int) -> "Features":
        """The same rows so many times, one after another; the memory format stays."""
        again = lambda held: torch.cat([held] * times)  # noqa: E731
        return Features(again(self.h), tuple(map(again, self.skips)), None if self.inner is None else again(self.inner))


def block_of(label_from: int | str, names: dict[str, int], last: int) -> int:
    """The index of the first block that sees the label. ValueError for an unknown name, or an index beyond `last`."""
    if isinstance(label_from, str) and label_from not in names:
        raise ValueError(f"label_from must be {', '.join(names)} or the index of a block, not {label_from!r}")
    index = names[label_from] if isinstance(label_from, str) else label_from
    if not 0 <= index <= last:
        raise ValueError(f"label_from must lie in 0 to {last}, the last block that sees a label, not {index}")
    return index


def require_head(internal_head: int, blocks: int) -> None:
    """ValueError for an internal head after a block that there is not, or after the last one."""
    if not 0 <= internal_head < blocks:
        raise ValueError(
            f"internal_head must lie in 1 to {blocks - 1}, a number of blocks, or be 0 for none, not {internal_head}"
        )


def require_one_trunk(network: object) -> None:
    """ValueError for a strength beside a shared trunk, which would see none."""
    if getattr(network, "label_from", 0):
        raise ValueError("strength: a network whose branches share a trunk is conditioned on none; leave label_from at 0")


def require_call(network: object, rows: int, labels: int, internal: bool) -> None:
    """ValueError for more labels than rows where no trunk is shared, and for the output of an internal head that there is not."""
    if labels != rows and not (getattr(network, "label_from", 0) and rows and labels % rows == 0):
        raise ValueError(f"{labels} labels for {rows} rows: a network takes one for each, or with label_from a multiple")
    if internal and not getattr(network, "internal_head", 0):
        raise ValueError("this network has no internal head: build it with internal_head, and train it with internal_weight")


def by_branch(
    features: Features,
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " kb"],
    head: Callable[[Features, Tensor, Tensor], Tensor],
    apart: bool,
) -> Tensor:
    """The output (k b, ...) of head(features, logsnr, label) for each branch: in one batch, or `apart`, one after another."""
    branches = len(label) // max(1, len(logsnr))
    if branches <= 1:
        return head(features, logsnr, label)
    if apart:
        return torch.cat([head(features, logsnr, part) for part in label.split(len(logsnr))])
    return head(features.repeated(branches), logsnr.repeat(branches), label)


def with_inner(output: Tensor, inner: Tensor | None) -> Tensor:
    """The output, and the internal head's after it along the channels where it was asked for."""
    return output if inner is None else torch.cat([output, inner], 1)
