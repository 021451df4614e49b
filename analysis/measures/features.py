"""Measures of features that a pretrained network extracted before, against a reference that is prepared once."""

import numpy as np

from analysis.measures.diversity import intra_class_diversity
from analysis.measures.feature_sets import FeatureReference, FeatureSet
from analysis.measures.fidelity import inception_score, precision_recall
from analysis.measures.further import further, mean_of_parts
from analysis.metrics import column

__all__ = ["FeatureReference", "FeatureSet", "measure_features", "measure_features_in_parts"]


def measure_features(made: FeatureSet, reference: FeatureReference, suffix: str, split: int | None = None) -> dict[str, float]:
    """fid_, precision_ and recall_ + suffix; is_ where there are logits, and diversity_ where there are labels of which one has
    two members; and whatever `analysis.measures.further.further` finds the set large enough for.

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
    return values | further(made, reference, suffix)


def measure_features_in_parts(
    n_part: int, made: FeatureSet, reference: FeatureReference, suffix: str, split: int | None = None
) -> dict[str, float]:
    """The mean of `measure_features` over floor(n / n_part) disjoint runs of n_part consecutive rows; a remainder is not used.

    ValueError when n_part < 1 or n < n_part, and as `measure_features`.
    """
    if not 1 <= n_part <= len(made):
        raise ValueError(f"n_part is {n_part}: choose between 1 and the {len(made)} images there are")
    starts = range(0, len(made) - n_part + 1, n_part)
    return mean_of_parts([measure_features(made[start : start + n_part], reference, suffix, split) for start in starts])
