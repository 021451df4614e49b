"""Who trains a network's internal head: the objective denoising, and no other."""

from torch import nn


def require_no_internal_head(module: nn.Module, objective: str) -> None:
    """ValueError for a network with an internal head, which stays as it began: 0, or a copy of another network's."""
    if getattr(module, "internal_head", 0):
        raise ValueError(
            f"internal_head: {objective} trains no such head, the objective denoising does: leave it out of the network"
        )
