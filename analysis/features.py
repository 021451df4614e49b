"""Measures of features that a pretrained network extracted before, against a reference that is prepared once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.checks import classes
from analysis.diversity import intra_class_diversity
from analysis.fidelity import ball_radii, inception_score, precision_recall
from analysis.metrics import column
from analysis.moments import Moments


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureSet:
    """Features of n images, (n, d); the same network's logits, (n, c), or None where it has no head; and the class that each
    image was generated for, integers (n,), or None. ValueError for arrays that disagree about n.
    """

    features: Float[np.ndarray, "n d"]
    logits: Float[np.ndarray, "n c"] | None = None
    label: Int[np.ndarray, " n"] | None = None

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
        return FeatureSet(features=self.features[rows], logits=logits, label=label)


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureReference:
    """What sets are compared with: the moments of all its features, and of some of them, (m, d), the radii of the balls of
    precision and recall, (m,): the distance to the k-th nearest other row.
    """

    moments: Moments
    neighbours: Float[np.ndarray, "m d"]
    radii: Float[np.ndarray, " m"]
    k: int = 3

    @classmethod
    def of(cls, moments: Moments, neighbours: Float[np.ndarray, "m d"], k: int = 3) -> "FeatureReference":
        """With the radii worked out. ValueError as `analysis.fidelity.ball_radii`."""
        return cls(moments=moments, neighbours=neighbours, radii=ball_radii(neighbours, k), k=k)


def measure_features(made: FeatureSet, reference: FeatureReference, suffix: str, split: int | None = None) -> dict[str, float]:
    """fid_, precision_ and recall_ + suffix; is_ where there are logits, and diversity_ where there are labels of which one has
    two members.

    suffix: says which network, weights, preprocessing, layer and protocol is behind the numbers: values of one suffix, one n and
    one reference compare with each other alone. split: of the Inception score. ValueError for whatever a measure refuses.
    """
    precision, recall = precision_recall(
        generated=made.features, reference=reference.neighbours, k=reference.k, radii=reference.radii
    )
    values = {
        column("fid", suffix): reference.moments.frechet(made.features),
        **({column("is", suffix): inception_score(made.logits, split)} if made.logits is not None else {}),
        column("precision", suffix): precision,
        column("recall", suffix): recall,
    }
    if made.label is not None and len(made.label) > len(np.unique(made.label)):
        values[column("diversity", suffix)] = intra_class_diversity(made.features, made.label)
    return values


def measure_features_in_parts(
    n_part: int, made: FeatureSet, reference: FeatureReference, suffix: str, split: int | None = None
) -> dict[str, float]:
    """The mean of `measure_features` over floor(n / n_part) disjoint runs of n_part consecutive rows; a remainder is not used.

    ValueError when n_part < 1 or n < n_part, and as `measure_features`.
    """
    if not 1 <= n_part <= len(made):
        raise ValueError(f"n_part is {n_part}: choose between 1 and the {len(made)} images there are")
    starts = range(0, len(made) - n_part + 1, n_part)
    values = [measure_features(made[start : start + n_part], reference, suffix, split) for start in starts]
    names = [name for name in values[0] if all(name in found for found in values)]
    return {name: float(np.mean([found[name] for found in values])) for name in names}
