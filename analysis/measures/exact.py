"""Every measure of samples of a world whose density is known in closed form: no evaluator and no reference images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import classes, matrix
from analysis.measures.distances import kl_divergence, mmd, sliced_wasserstein
from analysis.measures.fidelity import inception_score
from analysis.measures.frechet import frechet_to_moments
from analysis.measures.grid import GridDensity


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawn:
    """n samples, and their values under the exact model; row i of every array belongs to sample i.

    x            the samples, (n, d)
    label        the class that each was generated for, integers (n,) in 0..c-1
    logits       exact log p(x, c) up to a constant of the row, (n, c): their softmax is p(c|x)
    log_density  exact log p(x | label), nats, (n,)

    ValueError for arrays that disagree about n, labels outside 0..c-1, or non-finite values.
    """

    x: Float[np.ndarray, "n d"]
    label: Int[np.ndarray, " n"]
    logits: Float[np.ndarray, "n c"]
    log_density: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        for name in ("x", "logits", "log_density"):
            value = getattr(self, name)
            if len(value) != len(self.label):
                raise ValueError(f"{name} has {len(value)} rows and label {len(self.label)}: give every array the same samples")
            matrix(name, value.reshape(len(value), -1))
        label, c = classes("label", self.label, len(self.x)), self.logits.shape[1]
        if label.min() < 0 or label.max() >= c:
            raise ValueError(f"label reaches from {label.min()} to {label.max()}: logits knows the classes 0 to {c - 1}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Oracle:
    """Moments of the data, all exact: of the whole, and of each of c classes; and in the plane what guidance claims to draw from.

    mean (d,), covariance (d, d)
    class_means (c, d), class_covariances (c, d, d)
    tilted     the density p(x|c) p(c|x)^w / Z of every class at the w of the samples; None outside the plane
    bandwidth  of the kernel of `mmd_tilted`, in the unit of x
    """

    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    class_means: Float[np.ndarray, "c d"]
    class_covariances: Float[np.ndarray, "c d d"]
    tilted: Sequence[GridDensity] | None = None
    bandwidth: float = 0.5

    def __post_init__(self) -> None:
        if self.tilted is not None and len(self.tilted) != len(self.class_means):
            raise ValueError(f"tilted has {len(self.tilted)} densities: class_means knows {len(self.class_means)} classes")


def measure_points(drawn: Drawn, oracle: Oracle) -> dict[str, float]:
    """Every measure by name: `against_data`, and `against_tilted` where the oracle holds tilted densities."""
    values = against_data(drawn, oracle)
    return values if oracle.tilted is None else values | against_tilted(drawn, oracle)


def against_data(drawn: Drawn, oracle: Oracle) -> dict[str, float]:
    """The samples compared with the data, in any dimension; w = 0 is best by construction.

    accuracy_exact       share of samples whose most probable class is the label
    confidence_exact     mean p(label | x)
    is_exact             Inception score of the exact p(c|x), 1 to c
    nll_exact            mean -log p(x | label), nats per dimension; of data it is their entropy: lower is not better but sharper
    frechet_exact        Frechet distance of the moments to those of the data, squared units of x
    frechet_class_exact  the same within each class, mean over classes
    std_within_class     root mean square distance of a sample from the mean of its class, in the unit of x

    ValueError for other widths or numbers of classes, or a class with fewer than 2 samples.
    """
    label, rows = drawn.label, _by_class(drawn, oracle, 2)
    log_p = drawn.logits - np.logaddexp.reduce(drawn.logits, axis=1, keepdims=True)
    moments = zip(rows, oracle.class_means, oracle.class_covariances)
    return {
        "accuracy_exact": float((drawn.logits.argmax(axis=1) == label).mean()),
        "confidence_exact": float(np.exp(log_p[np.arange(len(label)), label]).mean()),
        "is_exact": inception_score(drawn.logits),
        "nll_exact": float(-drawn.log_density.mean() / drawn.x.shape[1]),
        "frechet_exact": frechet_to_moments(drawn.x, oracle.mean, oracle.covariance),
        "frechet_class_exact": float(np.mean([frechet_to_moments(x, mean, cov) for x, mean, cov in moments])),
        "std_within_class": float(np.sqrt(np.mean([x.var(axis=0, ddof=1).sum() for x in rows]))),
    }


def against_tilted(drawn: Drawn, oracle: Oracle) -> dict[str, float]:
    """The samples compared with p(x|c) p(c|x)^w / Z, class by class; values are means over classes. 0 is best, up to noise.

    kl_tilted           KL(sampled || tilted), nats: `kl_divergence`
    mmd_tilted          squared maximum mean discrepancy: `mmd` with the bandwidth of the oracle
    wasserstein_tilted  sliced 2-Wasserstein distance, unit of x: `sliced_wasserstein`
    mean_error_tilted   distance of the samples' mean from the mean of the density, unit of x
    outside_tilted      share of samples outside the grid, where kl_tilted is too small

    ValueError if the oracle has no tilted densities, or a class has fewer than 6 samples.
    """
    if oracle.tilted is None:
        raise ValueError("tilted is None: there is nothing to compare with")
    values: dict[str, list[float]] = {}
    for x, target in zip(_by_class(drawn, oracle, 6), oracle.tilted):
        found = {
            "kl_tilted": kl_divergence(x, target),
            "mmd_tilted": mmd(x, target, oracle.bandwidth),
            "wasserstein_tilted": sliced_wasserstein(x, target),
            "mean_error_tilted": float(np.linalg.norm(x.mean(axis=0) - target.mean())),
            "outside_tilted": target.histogram(x)[1] / len(x),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    return {name: float(np.mean(value)) for name, value in values.items()}


def _by_class(drawn: Drawn, oracle: Oracle, least: int) -> list[np.ndarray]:
    """The rows of each class in float64, class 0 first."""
    count, d = oracle.class_means.shape
    if drawn.logits.shape[1] != count or drawn.x.shape[1] != d:
        raise ValueError(
            f"drawn has {drawn.logits.shape[1]} classes of {drawn.x.shape[1]} numbers, oracle {count} of {d}: give one world"
        )
    found = np.bincount(drawn.label, minlength=count)
    if found.min() < least:
        raise ValueError(f"label holds class {found.argmin()} {found.min()} times: at least {least} samples of each are needed")
    return [drawn.x[drawn.label == c].astype(np.float64) for c in range(count)]
