"""The strength that a network may be conditioned on: whether it is, what it was trained at, and that of several branches."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Strengths(NamedTuple):
    """The objective that a network's strengths are those of, and the lowest and the highest that it was trained at."""

    objective: str
    low: float
    high: float


def takes_strength(network: Callable[..., Tensor]) -> bool:
    """Whether a network is conditioned on a strength, as guidance.backbones are if they are built so."""
    return getattr(getattr(network, "condition", None), "strength", None) is not None


def of_network(network: Callable[..., Tensor], strength: Float[Tensor, " b"] | None) -> dict[str, Tensor]:
    """The strength as an argument of the network, none where it is None. ValueError for a network that takes none."""
    if strength is None:
        return {}
    if not takes_strength(network):
        raise ValueError("this network is not conditioned on a strength: train one with network.strength=true")
    return {"strength": strength}


def joint_strength(branches: Sequence[Any], logsnr: Float[Tensor, " b"]) -> Tensor | None:
    """The strengths of all branches, one after another, 0 for those that name none; None if no branch names one."""
    if all(branch.strength is None for branch in branches):
        return None
    return torch.cat([torch.zeros_like(logsnr) if branch.strength is None else branch.strength for branch in branches])


def require_strengths(branches: Sequence[Any], logsnr: Float[Tensor, " b"]) -> None:
    """ValueError unless every strength has one entry for each row."""
    if any(branch.strength is not None and branch.strength.shape != logsnr.shape for branch in branches):
        raise ValueError(f"strength needs one entry for each of the {len(logsnr)} rows of z")
