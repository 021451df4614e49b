"""Mean and covariance of a set of features, to which the Fréchet distance of many other sets is taken."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from analysis.measures.checks import matrix, same_width
from analysis.measures.frechet import moments


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (d,) and covariance (d, d), in float64. ValueError for other shapes, non-finite values, or what is no covariance."""

    mean: Float[np.ndarray, " d"]
    cov: Float[np.ndarray, "d d"]

    def __post_init__(self) -> None:
        mean, cov, variances, basis = moments("mean", self.mean, "cov", self.cov)
        for name, held in (("mean", mean), ("cov", cov), ("_eigen", (variances, basis))):
            object.__setattr__(self, name, held)

    @cached_property
    def root(self) -> Float[np.ndarray, "d d"]:
        """The symmetric square root of the covariance."""
        variances, basis = vars(self)["_eigen"]
        return (basis * np.sqrt(variances)) @ basis.T

    def frechet(self, x: Float[np.ndarray, "n d"]) -> float:
        """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the rows' mean and unbiased covariance to these moments (Heusel et al.,
        arXiv 1706.08500).

        The trace is the sum of the singular values of the centred rows times the root, over sqrt(n - 1), so that n x n is enough
        where n < d. Biased upwards by about c / n; for identical sets it may be slightly negative, by rounding.
        ValueError for fewer than 2 rows, non-finite values, or another width.
        """
        x = matrix("x", x, 2)
        same_width("x", x, "the reference", self.mean[None])
        mean = x.mean(axis=0)
        centred = (x - mean) / np.sqrt(len(x) - 1)
        mapped = centred @ self.root
        gram = mapped @ mapped.T if len(x) < x.shape[1] else mapped.T @ mapped
        cross = np.sqrt(np.linalg.eigvalsh(gram).clip(0)).sum()
        return float(((mean - self.mean) ** 2).sum() + (centred**2).sum() + np.trace(self.cov) - 2 * cross)


def moments_of(x: Float[np.ndarray, "n d"]) -> Moments:
    """The rows' mean and unbiased covariance. ValueError for fewer than 2 rows or non-finite values."""
    x = matrix("x", x, 2)
    return Moments(x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False)))
