"""Every measure of one set of samples, under names that say on whose features it was taken."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix
from analysis.measures.copies import Training
from analysis.measures.diversity import intra_class_diversity, intra_class_pixel_distance
from analysis.measures.feature_sets import FeatureReference, FeatureSet
from analysis.measures.fidelity import ball_radii, frechet_distance, frechet_distance_to, inception_score, precision_recall
from analysis.measures.further import further, mean_of_parts
from analysis.measures.moments import Moments, moments_of
from analysis.measures.saturation import saturation
from analysis.metrics import MAX_PIXELS, column


@runtime_checkable
class Sliced(Protocol):
    """Images that are an array wherever they are sliced, and need not be one before."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Any: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """n samples and what the networks make of them; row i of every array belongs to sample i.

    images        pixels in [-1, 1], (n, *shape), an array or what gives one of its slices; None where they are not at hand,
                  and no measure of pixels is taken
    label         the class that each sample was generated for, integers (n,)
    features      of the independent evaluator on the samples, (n, d)
    logits        of the same network, (n, c)
    guide_logits  of the noise-aware classifier on the samples, (n, c), or None: `accuracy_guide` is then not reported

    `len(samples)` is n, and `samples[start:stop]` slices every array. ValueError for arrays that disagree about n.
    """

    images: Float[np.ndarray, "n *shape"] | Sliced | None
    label: Int[np.ndarray, " n"]
    features: Float[np.ndarray, "n d"]
    logits: Float[np.ndarray, "n c"]
    guide_logits: Float[np.ndarray, "n c"] | None = None

    def __post_init__(self) -> None:
        for name in ("images", "features", "logits", "guide_logits"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self):
                raise ValueError(
                    f"{name} has {len(value)} rows and label {len(self)}: give every array the same samples in the same order"
                )

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: slice) -> "Samples":
        guide = None if self.guide_logits is None else self.guide_logits[rows]
        return Samples(
            images=None if self.images is None else self.images[rows],
            label=self.label[rows],
            features=self.features[rows],
            logits=self.logits[rows],
            guide_logits=guide,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Reference:
    """Real images: the evaluator's features of m of them, (m, d), and what is known of their pixels in [-1, 1].

    of_features: the moments of the features of all of them, if these are more than the m that stand for them in precision and
    recall. images: (m, *shape); or moments: the mean (p,) and the unbiased covariance (p, p) of their pixels. With neither there
    is no distance of pixels. label: the classes of the m, where they are known. nearest: images (t, *shape) among which copies
    are looked for by pixels, if these are not `images`.
    """

    features: Float[np.ndarray, "m d"]
    of_features: Moments | None = None
    images: Float[np.ndarray, "m *shape"] | None = None
    moments: tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p p"]] | None = None
    label: Int[np.ndarray, " m"] | None = None
    nearest: Float[np.ndarray, "t *shape"] | None = None

    def __post_init__(self) -> None:
        if self.images is not None and len(self.images) != len(self.features):
            raise ValueError(
                f"features has {len(self.features)} rows and images {len(self.images)}: take both from the same images"
            )

    @cached_property
    def radii(self) -> Float[np.ndarray, " m"]:
        """Of the balls of precision, once for all samples that are compared with these images."""
        return ball_radii(self.features)

    @cached_property
    def prepared(self) -> FeatureReference:
        """The same features for the further measures, once for all samples that are compared with these images."""
        moments = moments_of(self.features) if self.of_features is None else self.of_features
        return FeatureReference(moments=moments, neighbours=self.features, radii=self.radii, label=self.label)

    @cached_property
    def training(self) -> Training | None:
        """Pixels of real images, for the search for copies, where there are some."""
        held = self.images if self.nearest is None else self.nearest
        return None if held is None or len(held) < 2 else Training(_flat(held))

    def frechet(self, features: Float[np.ndarray, "n d"]) -> float:
        """The Fréchet distance of features from those of all the images."""
        return frechet_distance(features, self.features) if self.of_features is None else self.of_features.frechet(features)


def measure(samples: Samples, reference: Reference, suffix: str) -> dict[str, float]:
    """Every measure of the samples against the reference, by name.

    fid_, is_, precision_, recall_ and diversity_ + `suffix` rest on the evaluator's features; the suffix names the evaluator's
    data, since values on different features are not comparable. fid_pixels and diversity_pixels rest on pixels,
    accuracy_evaluator and accuracy_guide on logits. fid_pixels is left out where the reference knows no pixels and of images of
    more than MAX_PIXELS numbers, and it and diversity_pixels where the samples know no pixels. What is measured beyond these, and
    of how many samples, is in `analysis.measures.further.further`; of pixels saturation, clipped_pixels, nearest_train_pixels and
    copies_pixels. ValueError for whatever one of the measures refuses.
    """
    precision, recall = precision_recall(generated=samples.features, reference=reference.features, radii=reference.radii)
    values = {
        column("fid", suffix): reference.frechet(samples.features),
        **_pixel_distance(samples, reference),
        column("is", suffix): inception_score(samples.logits),
        column("precision", suffix): precision,
        column("recall", suffix): recall,
        "accuracy_evaluator": _accuracy("logits", samples.logits, samples.label),
        column("diversity", suffix): intra_class_diversity(samples.features, samples.label),
    }
    if samples.images is not None:
        values["diversity_pixels"] = intra_class_pixel_distance(samples.images[:], samples.label)
    if samples.guide_logits is not None:
        values["accuracy_guide"] = _accuracy("guide_logits", samples.guide_logits, samples.label)
    made = FeatureSet(features=samples.features, logits=samples.logits, label=samples.label, own=True)
    beyond = further(made, reference.prepared, suffix)
    del beyond[column("accuracy_by", suffix)]  # it is accuracy_evaluator
    return values | beyond | _pixels(samples, reference)


def measure_in_parts(n_part: int, samples: Samples, reference: Reference, suffix: str) -> dict[str, float]:
    """The mean of `measure` over floor(n / n_part) disjoint runs of `n_part` consecutive samples; a remainder is not used.

    FID, Inception score and recall depend on the number of samples, so a set of n_part images may be compared with other sets of
    n_part images only. Labels should be interleaved (label[i] = i mod classes), so that each part is balanced when n_part is a
    multiple of the number of classes. ValueError when n_part < 1 or n < n_part, and as `measure`.
    """
    if not 1 <= n_part <= len(samples):
        raise ValueError(f"n_part is {n_part}: choose between 1 and the {len(samples)} samples there are")
    starts = range(0, len(samples) - n_part + 1, n_part)
    return mean_of_parts([measure(samples[start : start + n_part], reference, suffix) for start in starts])


def _pixels(samples: Samples, reference: Reference) -> dict[str, float]:
    """What too much guidance does to pixels, and whether they are those of training images."""
    if samples.images is None:
        return {}
    images = samples.images[:]
    size, share = saturation(images)
    values = {"saturation": size, "clipped_pixels": share}
    if reference.training is not None and reference.training.spacing > 0:
        nearness, copies = reference.training.compare(_flat(images))
        values |= {"nearest_train_pixels": nearness, "copies_pixels": copies}
    return values


def _pixel_distance(samples: Samples, reference: Reference) -> dict[str, float]:
    if samples.images is None:
        return {}
    if math.prod(samples.images[:1].shape[1:]) > MAX_PIXELS:
        return {}
    images = samples.images[:]
    if reference.images is not None:
        return {"fid_pixels": frechet_distance(_flat(images), _flat(reference.images))}
    return {"fid_pixels": frechet_distance_to(_flat(images), *reference.moments)} if reference.moments is not None else {}


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _accuracy(name: str, logits: np.ndarray, label: np.ndarray) -> float:
    logits = matrix(name, logits)
    return float(np.mean(logits.argmax(axis=1) == classes("label", label, len(logits))))
