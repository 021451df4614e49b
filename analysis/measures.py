"""Every measure of one cell of a study, under names that say whose features they are."""

import numpy as np
from jaxtyping import Float, Int

from analysis.checks import classes, matrix
from analysis.diversity import intra_class_diversity, intra_class_pixel_distance
from analysis.fidelity import frechet_distance, inception_score, precision_recall


def measure(
    *,
    images: Float[np.ndarray, "n *shape"],
    label: Int[np.ndarray, " n"],
    features: Float[np.ndarray, "n d"],
    logits: Float[np.ndarray, "n c"],
    reference_images: Float[np.ndarray, "m *shape"],
    reference_features: Float[np.ndarray, "m d"],
    guide_logits: Float[np.ndarray, "n c"] | None = None,
    suffix: str = "digits",
) -> dict[str, float]:
    """Measure n samples against a reference; the names end in `suffix`, so that no one takes them for Inception-v3's.

    images           pixels in [-1, 1]
    label            the class each sample was asked to be
    features, logits of the independent evaluator on the samples; `reference_features` of the same network on real images
    reference_images the real images themselves, for `fid_pixels`: the Frechet distance that needs no network
    guide_logits     of the guiding classifier on the samples; without it `accuracy_guide` is not reported

    ValueError for whatever one of the measures refuses, and for arrays that disagree about n.
    """
    n = len(label)
    for name, value in {"images": images, "features": features, "logits": logits, "guide_logits": guide_logits}.items():
        if value is not None and len(value) != n:
            raise ValueError(f"{name} has {len(value)} rows and label {n}: give every array the same samples in the same order")
    precision, recall = precision_recall(generated=features, reference=reference_features)
    values = {
        f"fid_{suffix}": frechet_distance(features, reference_features),
        "fid_pixels": frechet_distance(images.reshape(n, -1), reference_images.reshape(len(reference_images), -1)),
        f"is_{suffix}": inception_score(logits),
        f"precision_{suffix}": precision,
        f"recall_{suffix}": recall,
        "accuracy_evaluator": _accuracy("logits", logits, label),
        f"diversity_{suffix}": intra_class_diversity(features, label),
        "diversity_pixels": intra_class_pixel_distance(images, label),
    }
    if guide_logits is not None:
        values["accuracy_guide"] = _accuracy("guide_logits", guide_logits, label)
    return values


def measure_in_parts(
    n_part: int,
    *,
    images: Float[np.ndarray, "n *shape"],
    label: Int[np.ndarray, " n"],
    features: Float[np.ndarray, "n d"],
    logits: Float[np.ndarray, "n c"],
    reference_images: Float[np.ndarray, "m *shape"],
    reference_features: Float[np.ndarray, "m d"],
    guide_logits: Float[np.ndarray, "n c"] | None = None,
    suffix: str = "digits",
) -> dict[str, float]:
    """The mean of `measure` over floor(n / n_part) disjoint runs of `n_part` consecutive samples; a remainder is not used.

    FID, Inception score and recall move with n, so a set of n_part images is compared with others of n_part images and nothing
    else. Labels are expected to be interleaved (label[i] = i mod classes), so that each part is balanced when n_part is a
    multiple of the number of classes. ValueError when n < n_part.
    """
    if not 1 <= n_part <= len(label):
        raise ValueError(f"n_part is {n_part}: choose between 1 and the {len(label)} samples there are")
    parts = [slice(start, start + n_part) for start in range(0, len(label) - n_part + 1, n_part)]
    values = [
        measure(
            images=images[part], label=label[part], features=features[part], logits=logits[part],
            reference_images=reference_images, reference_features=reference_features,
            guide_logits=None if guide_logits is None else guide_logits[part],
            suffix=suffix,
        )
        for part in parts
    ]  # fmt: skip
    return {name: float(np.mean([value[name] for value in values])) for name in values[0]}


def _accuracy(name: str, logits: np.ndarray, label: np.ndarray) -> float:
    logits = matrix(name, logits)
    return float(np.mean(logits.argmax(axis=1) == classes("label", label, len(logits))))
