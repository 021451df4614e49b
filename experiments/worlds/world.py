"""What every world is: its shape and classes, its card, and what is there of images or of exact truth."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from guidance import Mixture


@dataclass(frozen=True)
class Labelled:
    """A labelled set: x (n, *shape) float32, images in [-1, 1] or points; label (n,) int64."""

    x: Float[Tensor, "n *shape"]
    label: Int[Tensor, " n"]


@dataclass(frozen=True)
class World:
    """A data set with its fixed split, or a distribution whose truth is known, or both; and its card, for the report.

    train, held_out: None for a world that no network is trained on. exact: the distribution itself, None where it is unknown.
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    card: dict[str, str]
    train: Labelled | None = None
    held_out: Labelled | None = None
    exact: Mixture | None = None
