"""What every world is: its shape and classes, its card, and what is there of images or of exact truth."""

from copy import deepcopy
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

    train, held_out: None for a world that no network is trained on. truth: the distribution itself, None where it is unknown.
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    card: dict[str, str]
    train: Labelled | None = None
    held_out: Labelled | None = None
    truth: Mixture | None = None

    @property
    def exact(self) -> Mixture | None:
        """A copy of the truth: `.float()` and `.to(device)` change a module in place, and worlds are shared."""
        return deepcopy(self.truth)

    @property
    def weak(self) -> Mixture | None:
        """A worse model of the truth, for methods that guide away from one: every component half as wide again in variance."""
        return None if self.truth is None else self.truth.widened(self.truth.variances.mean().item() / 2)
