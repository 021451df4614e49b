"""A density in the plane known up to its constant, normalised on a grid: what guidance of strength w is said to sample.

That is p(x|c) p(c|x)^w / Z (Ho & Salimans, arXiv 2207.12598, Figure 2), whose Z has no closed form.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from analysis.measures.checks import matrix

MOST_AT_THE_BORDER = 1e-3


def tilted(
    log_conditional: Float[np.ndarray, "*shape"], log_class_given_x: Float[np.ndarray, "*shape"], w: float
) -> Float[np.ndarray, "*shape"]:
    """log p(x|c) + w log p(c|x), not normalised. At w = 0 the conditional itself, even where p(c|x) is 0."""
    return log_conditional if w == 0 else log_conditional + w * log_class_given_x


@dataclass(frozen=True, eq=False)
class GridDensity:
    """The density that is constant in every cell of a regular grid and proportional to exp(log_values).

    x (w,), y (h,)     centres of the cells, rising in even steps, 3 or more each; the cells reach half a step beyond the ends
    log_values (h, w)  nats, row i at y[i] and column j at x[j]; -inf is a density of 0

    With steps h, a smooth density of width s is off by (h / s)^2 / 12 in its logarithm: s / h of 10 is enough. ValueError for
    other shapes, uneven centres, NaN, +inf or no mass at all, or if more than 1e-3 of the mass lies along the border, in the
    outermost fiftieth of the cells on each side (at least one): the grid is then too small.
    """

    x: Float[np.ndarray, " w"]
    y: Float[np.ndarray, " h"]
    log_values: Float[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            steps = np.diff(getattr(self, name))
            if len(steps) < 2 or not steps[0] > 0 or not np.allclose(steps, steps[0], rtol=1e-4):
                raise ValueError(f"{name} must be three or more centres of cells that rise in even steps")
        if self.log_values.shape != (len(self.y), len(self.x)):
            raise ValueError(f"log_values has shape {self.log_values.shape}: y and x make it {(len(self.y), len(self.x))}")
        if np.isnan(self.log_values).any() or not -np.inf < self.log_values.max() < np.inf:
            raise ValueError("log_values holds NaN, +infinity, or -infinity alone: give the logarithm of a density")
        i, j = (max(1, side // 50) for side in self.mass.shape)
        border = 1 - float(self.mass[i:-i, j:-j].sum())
        if border > MOST_AT_THE_BORDER:
            raise ValueError(f"x and y make too small a grid: a share of {border:.2g} of the mass lies along its border")

    @cached_property
    def step(self) -> Float[np.ndarray, "2"]:
        """Width and height of a cell."""
        return np.array([np.ptp(centres) / (len(centres) - 1) for centres in (self.x, self.y)])

    @cached_property
    def log_normaliser(self) -> float:
        """log of the integral of exp(log_values): subtract it from the same log values anywhere in the plane."""
        top = float(self.log_values.max())
        return top + float(np.log(np.exp(self.log_values.astype(np.float64) - top).sum() * self.step.prod()))

    @cached_property
    def log_density(self) -> Float[np.ndarray, "h w"]:
        """log of the probability per area, nats; right even where the mass underflows."""
        return self.log_values.astype(np.float64) - self.log_normaliser

    @cached_property
    def mass(self) -> Float[np.ndarray, "h w"]:
        """The probability of each cell; sums to 1."""
        return np.exp(self.log_density) * self.step.prod()

    def log_density_at(self, points: Float[np.ndarray, "n 2"]) -> tuple[Float[np.ndarray, " n"], int]:
        """log density at the points (n,), and how many lie outside: these have that of the nearest cell of the border."""
        row, column, outside = self._cells(points)
        return self.log_density[row, column], int(outside.sum())

    def histogram(self, points: Float[np.ndarray, "n 2"]) -> tuple[Int[np.ndarray, "h w"], int]:
        """How many points lie in each cell, and how many outside the grid."""
        row, column, outside = self._cells(points)
        cell = (row * len(self.x) + column)[~outside]
        return np.bincount(cell, minlength=self.mass.size).reshape(self.mass.shape), int(outside.sum())

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        """n independent draws: a cell by its mass, then a point of it uniformly."""
        last = np.cumsum(self.mass)
        cell = np.searchsorted(last, rng.random(n) * last[-1], side="right").clip(max=len(last) - 1)
        row, column = np.divmod(cell, len(self.x))
        return np.stack([self.x[column], self.y[row]], axis=-1) + self.step * (rng.random((n, 2)) - 0.5)

    def mean(self) -> Float[np.ndarray, "2"]:
        """E[x], E[y]."""
        return np.array([self.mass.sum(axis=0) @ self.x, self.mass.sum(axis=1) @ self.y])

    def covariance(self) -> Float[np.ndarray, "2 2"]:
        """Of the cells' centres: without the cells' own step^2 / 12 it is that of the smooth density behind them."""
        along = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2) - self.mean()
        return (self.mass.reshape(-1, 1) * along).T @ along

    def entropy(self) -> float:
        """Differential entropy, -E[log density], nats."""
        held = self.mass > 0
        return -float(self.mass[held] @ self.log_density[held])

    def level(self, share: float) -> float:
        """The density whose contour encloses `share` of the mass in the smallest region, 0 < share < 1."""
        mass = np.sort(self.mass, axis=None)[::-1]
        return float(mass[np.searchsorted(mass.cumsum(), share).clip(max=mass.size - 1)] / self.step.prod())

    def quantiles(self, u: Float[np.ndarray, " n"], angle: float) -> Float[np.ndarray, " n"]:
        """Quantiles `u` in (0, 1) of x cos(angle) + y sin(angle), of the density smoothed by a triangle two cells wide."""
        along = np.add.outer(self.y * np.sin(angle), self.x * np.cos(angle)).ravel()
        width, first = float(self.step.max()), float(along.min())
        place = (along - first) / width
        left = place.astype(int)
        right = self.mass.ravel() * (place - left)  # shared by two bins: seen along its rows, a lattice is a comb
        bins = np.bincount(left, self.mass.ravel() - right, left.max() + 2) + np.bincount(left + 1, right, left.max() + 2)
        below = np.concatenate([[0.0], np.cumsum(bins)])
        return np.interp(u * below[-1], below, first + (np.arange(len(below)) - 0.5) * width)

    def _cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row and column of each point's cell, or of the nearest one, and whether the point lies outside."""
        points = matrix("points", points)
        if points.shape[1] != 2:
            raise ValueError(f"points has {points.shape[1]} columns: a density in the plane needs 2")
        place = np.floor((points - [self.x[0], self.y[0]]) / self.step + 0.5)
        inside = place.clip(0, [len(self.x) - 1, len(self.y) - 1])
        return inside[:, 1].astype(np.int64), inside[:, 0].astype(np.int64), (place != inside).any(axis=1)
