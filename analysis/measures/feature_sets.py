"""Features of a set of images, and of what sets are compared with, which is prepared once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes
from analysis.measures.copies import Training
from analysis.measures.density_coverage import Balls
from analysis.measures.fidelity import ball_radii
from analysis.measures.kid import KernelReference
from analysis.measures.moments import Moments, moments_of

MAX_CLASS_NUMBERS = 2**26  # in the covariances of all classes, above which no Frechet distance within classes is taken: 512 MiB


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureSet:
    """Features of n images, (n, d); the same network's logits, (n, c), or None where it has no head; and the class that each
    image was generated for, integers (n,), or None. own: whether the logits are of these classes. ValueError for arrays that
    disagree about n.
    """

    features: Float[np.ndarray, "n d"]
    logits: Float[np.ndarray, "n c"] | None = None
    label: Int[np.ndarray, " n"] | None = None
    own: bool = False

    def __post_init__(self) -> None:
        for name in ("logits", "label"):
            held = getattr(self, name)
            if held is not None and len(held) != len(self):
                raise ValueError(f"{name} has {len(held)} rows and features {len(self)}: take both from the same images")
        if self.label is not None:
            classes("label", self.label, len(self))

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> "FeatureSet":
        logits, label = (None if held is None else held[rows] for held in (self.logits, self.label))
        return FeatureSet(features=self.features[rows], logits=logits, label=label, own=self.own)


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureReference:
    """What sets are compared with: the moments of all its features, and some of them, (m, d), with the radii of the balls of
    precision and recall, (m,): the distance to the k-th nearest other row. label: their classes, (m,), where they are known.

    What else the measures need of these rows is worked out when it is first asked for, and kept.
    """

    moments: Moments
    neighbours: Float[np.ndarray, "m d"]
    radii: Float[np.ndarray, " m"]
    k: int = 3
    label: Int[np.ndarray, " m"] | None = None

    def __post_init__(self) -> None:
        if self.label is not None:
            classes("label", self.label, len(self.neighbours))

    @classmethod
    def of(
        cls, moments: Moments, neighbours: Float[np.ndarray, "m d"], k: int = 3, label: Int[np.ndarray, " m"] | None = None
    ) -> "FeatureReference":
        """With the radii worked out. ValueError as `analysis.measures.fidelity.ball_radii`."""
        return cls(moments=moments, neighbours=neighbours, radii=ball_radii(neighbours, k), k=k, label=label)

    @cached_property
    def balls(self) -> Balls:
        """Of density and coverage."""
        return Balls.around(self.neighbours)

    @cached_property
    def kernel(self) -> KernelReference:
        """Of the kernel distance."""
        return KernelReference(self.neighbours)

    @cached_property
    def training(self) -> Training:
        """For the search for copies."""
        return Training(self.neighbours)

    @cached_property
    def by_class(self) -> dict[int, Moments]:
        """The moments of each class that has two rows; none where no label is known, or there are too many numbers."""
        if self.label is None:
            return {}
        ids, members = np.unique(self.label, return_counts=True)
        if len(ids) * self.neighbours.shape[1] ** 2 > MAX_CLASS_NUMBERS:
            return {}
        return {int(c): moments_of(self.neighbours[self.label == c]) for c in ids[members >= 2]}
