"""A density on a regular grid in the plane, normalised by summing: exact but for the width of a cell."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

MOST_AT_THE_BORDER = 1e-3


@dataclass(frozen=True, eq=False)
class GridDensity:
    """The density proportional to exp(log_values) in cells centred at x (w,) and y (h,), log_values (h, w): row y, column x.

    ValueError for centres that are not evenly spaced, for NaN or +infinity, or if more than 1e-3 of the mass lies in the cells
    of the border: the grid is then too small.
    """

    x: Float[np.ndarray, " w"]
    y: Float[np.ndarray, " h"]
    log_values: Float[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            steps = np.diff(getattr(self, name))
            if len(steps) < 2 or not np.allclose(steps, steps[0]) or not steps[0] > 0:
                raise ValueError(f"{name} must be three or more centres that rise in even steps")
        if np.isnan(self.log_values).any() or (self.log_values == np.inf).any() or not (self.log_values > -np.inf).any():
            raise ValueError("log_values holds NaN, +infinity, or -infinity alone: give the logarithm of a density")
        border = 1 - self.mass[1:-1, 1:-1].sum()
        if border > MOST_AT_THE_BORDER:
            raise ValueError(f"x and y are too small a grid: {border:.1%} of the mass lies in the cells of its border")

    @cached_property
    def cell(self) -> float:
        """The area of a cell."""
        return float((self.x[1] - self.x[0]) * (self.y[1] - self.y[0]))

    @cached_property
    def log_normaliser(self) -> float:
        """log of the integral of exp(log_values)."""
        top = self.log_values.max()
        return float(top + np.log(np.exp(self.log_values - top).sum() * self.cell))

    @cached_property
    def log_density(self) -> Float[np.ndarray, "h w"]:
        """The logarithm of the normalised density."""
        return self.log_values - self.log_normaliser

    @cached_property
    def mass(self) -> Float[np.ndarray, "h w"]:
        """The probability of each cell; sums to 1."""
        return np.exp(self.log_density) * self.cell

    def log_density_at(self, points: Float[np.ndarray, "n 2"]) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """log density at the points, bilinear between centres, and 1 for those outside the grid, which are moved to its border."""
        along = [(points[:, i] - c[0]) / (c[1] - c[0]) for i, c in enumerate((self.x, self.y))]
        outside = np.any([(a < -0.5) | (a > len(c) - 0.5) for a, c in zip(along, (self.x, self.y))], axis=0)
        (i, u), (j, v) = (_split(a, len(c)) for a, c in zip(along, (self.x, self.y)))
        values, dry = self.log_density, np.finfo(float).min / 4  # 0 x -inf would be NaN
        corners = [np.maximum(values[j + dj, i + di], dry) for dj in (0, 1) for di in (0, 1)]
        weights = [(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u]
        found = sum(weight * corner for weight, corner in zip(weights, corners))
        return np.where(found < dry / 2, -np.inf, found), outside.astype(np.int64)

    def histogram(self, points: Float[np.ndarray, "n 2"]) -> tuple[Float[np.ndarray, "h w"], int]:
        """How many points lie in each cell, and how many outside the grid."""
        edges = [np.append(c - (c[1] - c[0]) / 2, c[-1] + (c[1] - c[0]) / 2) for c in (self.y, self.x)]
        counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=edges)
        return counts, len(points) - int(counts.sum())

    def mean(self) -> Float[np.ndarray, "2"]:
        """The mean, (x, y)."""
        return np.array([self.mass.sum(0) @ self.x, self.mass.sum(1) @ self.y])

    def covariance(self) -> Float[np.ndarray, "2 2"]:
        """The covariance."""
        dx, dy = (c - m for c, m in zip((self.x, self.y), self.mean()))
        cross = dy @ self.mass @ dx
        return np.array([[self.mass.sum(0) @ dx**2, cross], [cross, self.mass.sum(1) @ dy**2]])

    def entropy(self) -> float:
        """The differential entropy, nats."""
        inside = self.mass > 0
        return float(-(self.mass[inside] * self.log_density[inside]).sum())

    def quantiles(self, u: Float[np.ndarray, " n"], angle: float) -> Float[np.ndarray, " n"]:
        """Where the projection on (cos angle, sin angle) has its quantiles u in (0, 1)."""
        along = (np.cos(angle) * self.x + np.sin(angle) * self.y[:, None]).ravel()
        order = np.argsort(along)
        mass = self.mass.ravel()[order]
        return np.interp(u, mass.cumsum() - mass / 2, along[order])

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        """n independent draws: a cell by its mass, then a point of it uniformly."""
        last = self.mass.ravel().cumsum()
        row, column = np.divmod(np.searchsorted(last, rng.random(n) * last[-1], side="right").clip(max=len(last) - 1), len(self.x))
        width = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])
        return np.stack([self.x[column], self.y[row]], -1) + width * (rng.random((n, 2)) - 0.5)


def tilted(
    log_conditional: Float[np.ndarray, "..."], log_class_given_x: Float[np.ndarray, "..."], w: float
) -> Float[np.ndarray, "..."]:
    """log p(x|c) + w log p(c|x): the guided conditional of Ho & Salimans (arXiv 2207.12598, section 3.1), not normalised."""
    return log_conditional + w * log_class_given_x


def _split(along: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell before each position and the share of the way to the next."""
    along = along.clip(0, cells - 1)
    before = np.floor(along).astype(int).clip(max=cells - 2)
    return before, along - before
