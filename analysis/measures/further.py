"""The measures of features beyond Frechet distance, precision, recall and diversity; what a set is too small for is left out.

In the notation of docs/measures.md: n samples of width d, m rows of the reference, c classes.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from analysis.measures.checks import balanced
from analysis.measures.classified import classified
from analysis.measures.density_coverage import K, density_coverage
from analysis.measures.extrapolation import frechet_infinity, least
from analysis.measures.feature_sets import FeatureReference, FeatureSet
from analysis.measures.kid import LEAST, kid
from analysis.measures.mind import mind
from analysis.measures.vendi import class_vendi, vendi
from analysis.metrics import column, metric

PER_CLASS = 20  # samples that every class needs in what is measured within classes
MAX_EXTRAPOLATED = 512  # width above which 21 Frechet distances are too dear for every cell of a study


def further(made: FeatureSet, reference: FeatureReference, suffix: str) -> dict[str, float]:
    """By column, each where the set is large enough for it:

    kid_                            n >= 4
    kid_se_                         also 4 of each class, where labels are balanced
    mind_                           n <= m
    density_, coverage_, clipped_   n >= 6, m >= 6
    vendi_                          always
    nearest_train_, copies_         m >= 2, of which half are no copies of each other
    fid_infinity_, fid_infinity_se_ n >= max(2 d, 100), d <= 512
    vendi_class_                    labels, 20 samples of every class
    fid_class_                      also labels of the reference
    accuracy_by_, nll_by_, calibration_error_by_, label_entropy_by_     logits of the labels' own classes

    ValueError for whatever one of the measures refuses, and for labels that hold no sample of a class although there are 20 c.
    """
    rows, n, d, m = made.features, len(made), made.features.shape[1], len(reference.neighbours)
    dealt = made.label if made.label is not None and balanced(made.label) else None
    found: dict[str, float] = {}
    if n >= LEAST and m >= 2:
        found["kid"], error = kid(rows, reference.kernel, dealt)
        found |= {} if np.isnan(error) else {"kid_se": error}
    if n <= m:
        found["mind"] = mind(rows, reference.neighbours)
    if min(n, m) > K:
        found |= density_coverage(rows, reference.balls)._asdict()
    found["vendi"] = vendi(rows)
    if m >= 2 and reference.training.spacing > 0:
        found["nearest_train"], found["copies"] = reference.training.compare(rows)
    if d <= MAX_EXTRAPOLATED and n >= least(d):
        found["fid_infinity"], found["fid_infinity_se"] = frechet_infinity(rows, reference.moments, dealt)
    if made.label is not None and in_every_class(made.label, _classes(made, reference)):
        found["vendi_class"] = class_vendi(rows, made.label)
        if reference.by_class and set(np.unique(made.label)) <= set(reference.by_class):
            distances = [moments.frechet(rows[made.label == c]) for c, moments in reference.by_class.items()]
            found["fid_class"] = float(np.mean(distances))
    if made.own and made.label is not None and made.logits is not None:
        found |= classified(made.logits, made.label)
    return {column(name, suffix): float(value) for name, value in found.items()}


def in_every_class(label: Int[np.ndarray, " n"], known: Sequence[int]) -> bool:
    """Whether each known class has PER_CLASS samples. ValueError where one has none although there are enough for all."""
    counts = {int(c): int(count) for c, count in zip(*np.unique(label, return_counts=True))}
    empty = [c for c in known if c not in counts]
    if empty and len(label) >= PER_CLASS * len(known):
        raise ValueError(f"label holds no sample of class {empty[0]}: draw samples of all {len(known)} classes")
    return not empty and min(counts.values()) >= PER_CLASS


def mean_of_parts(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each measure that every part has; of a standard error that of the mean."""
    names = [name for name in values[0] if all(name in found for found in values)]
    held = {name: np.array([found[name] for found in values]) for name in names}
    return {
        name: float(np.sqrt((parts**2).sum()) / len(parts)) if metric(name).error_of else float(np.mean(parts))
        for name, parts in held.items()
    }


def _classes(made: FeatureSet, reference: FeatureReference) -> list[int]:
    """The classes that there are: of the reference, or of the logits, or those that the labels name."""
    if reference.label is not None:
        return np.unique(reference.label).tolist()
    return list(range(made.logits.shape[1])) if made.own and made.logits is not None else np.unique(made.label).tolist()
