"""How far samples are from a distribution that is known: divergence and distances in the plane, each with its bias and sd.

Numbers given as "of exact draws" are what n draws of the target itself read, mean and sd over 40 repetitions: three Gaussians
of std 0.5 tilted by w = 1, on a grid of 400 x 400 cells. A difference between two methods that is smaller says nothing.
"""

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float

from analysis.checks import matrix, same_width
from analysis.grid import GridDensity

ROWS = 64  # of a block of pairs: its distances to 10,000 points stay in the processor's cache


def nearest_neighbour_entropy(points: Float[np.ndarray, "n d"], k: int = 5) -> float:
    """Differential entropy in nats from the distance to the k-th nearest other point (Kozachenko & Leonenko 1987).

    psi(n) - psi(k) + log(volume of the unit ball) + d mean log r_k. O(n^2): half a second for n = 10,000 in the plane.
    ValueError for k < 1, fewer than k + 1 points, non-finite values, or if some point has k copies.
    """
    if k < 1:
        raise ValueError(f"k is {k}: a distance needs at least one neighbour")
    points = torch.from_numpy(matrix("points", points, k + 1))
    n, d = points.shape
    exact = "donot_use_mm_for_euclid_dist"  # |a|^2 + |b|^2 - 2ab would lose the small distances, which are those needed
    parts = (torch.cdist(part, points, compute_mode=exact) for part in points.split(ROWS))
    radius = torch.cat([part.topk(k + 1, largest=False).values[:, -1] for part in parts])  # the nearest is the point itself
    if not (radius > 0).all():
        raise ValueError(f"points holds {int((radius == 0).sum())} rows with {k} copies: what has atoms has no density")
    ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    digammas = torch.digamma(torch.tensor([n, k], dtype=torch.float64))
    return float(digammas[0] - digammas[1] + ball + d * radius.log().mean())


def kl_divergence(points: Float[np.ndarray, "n 2"], target: GridDensity, k: int = 5) -> float:
    """KL(sampled || target) in nats: minus the entropy of the points, minus the mean log density of the target at them.

    The estimate of Wang, Kulkarni & Verdu (IEEE Trans. Inf. Theory 55, 2009) with the target known instead of sampled: nothing
    is binned but the target, and a collapse far below the width of any bin is still seen. Biased upwards, the more the fewer
    points, and as much for a sampler as for exact draws, which read +BIAS. It may be negative.
    A point outside the grid takes the density of the nearest cell of the border: the divergence is then understated.
    ValueError as `nearest_neighbour_entropy`, and if the target's density is 0 at a point: the divergence is infinite.
    """
    log_density, _ = target.log_density_at(points)
    if not np.isfinite(log_density).all():
        raise ValueError(f"{int((log_density == -np.inf).sum())} of the points lie where the target is 0: KL is infinite")
    return -nearest_neighbour_entropy(points, k) - float(log_density.mean())


def mmd(
    points: Float[np.ndarray, "n d"], target: GridDensity | Float[np.ndarray, "m d"], bandwidth: float = 0.5
) -> float:
    """Squared maximum mean discrepancy of the kernel exp(-|a - b|^2 / (2 bandwidth^2)), in [0, 2] but for its noise.

    The unbiased estimate (Gretton et al., JMLR 13, 2012, Lemma 6), which may be negative; against a grid the target's part is an
    integral, without noise of its own. The bandwidth has the unit of the points, and only values of one bandwidth compare.
    ValueError for a bandwidth that is not positive, non-finite values, fewer than 2 points, or different widths.
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is {bandwidth}: it must be positive")
    points = matrix("points", points, 2)
    if isinstance(target, GridDensity):
        same_width("points", points, "the mesh of target", np.empty((1, 2)))
        kernels = [_kernel(points[:, i], centres, bandwidth) for i, centres in enumerate((target.x, target.y))]
        cross = float(((kernels[1] @ target.mass) * kernels[0]).sum()) / len(points)
        columns, rows = (_kernel(centres, centres, bandwidth) for centres in (target.x, target.y))
        own = float((target.mass * (rows @ target.mass @ columns)).sum())
        points = points - target.mean()
    else:
        target = matrix("target", target, 2)
        same_width("points", points, "target", target)
        points, target = points - target.mean(axis=0), target - target.mean(axis=0)
        cross = _kernel_sum(points, target, bandwidth) / (len(points) * len(target))
        own = _without_itself(target, bandwidth)
    return _without_itself(points, bandwidth) + own - 2 * cross


def sliced_wasserstein(
    points: Float[np.ndarray, "n d"], target: GridDensity | Float[np.ndarray, "n d"], directions: int = 32
) -> float:
    """Root mean square, over fixed directions, of the 2-Wasserstein distance of the projections; in the unit of the points.

    (Rabin et al., SSVM 2011.) In the plane `directions` angles evenly over half a turn, else as many random directions of one
    seed. A shift by s gives |s| / sqrt(d). A target of points needs as many rows as `points`. Never negative, so biased
    upwards: exact draws read +BIAS.
    ValueError for directions < 1, non-finite values, or different shapes.
    """
    if directions < 1:
        raise ValueError(f"directions is {directions}: give at least 1")
    points = matrix("points", points)
    if isinstance(target, GridDensity):
        same_width("points", points, "the mesh of target", np.empty((1, 2)))
        u = (np.arange(len(points)) + 0.5) / len(points)
        against = np.stack([target.quantiles(u, angle) for angle in _angles(directions)], axis=-1)
    else:
        target = matrix("target", target)
        if target.shape != points.shape:
            raise ValueError(f"target has shape {target.shape} and points {points.shape}: give both as many rows and columns")
        against = np.sort(target @ _directions(points.shape[1], directions), axis=0)
    gaps = np.sort(points @ _directions(points.shape[1], directions), axis=0) - against
    return float(np.sqrt((gaps**2).mean()))


def _kernel(a: np.ndarray, b: np.ndarray, bandwidth: float) -> np.ndarray:
    """The one-dimensional factor of the kernel, (len(a), len(b))."""
    return np.exp(-(np.subtract.outer(a, b) ** 2) / (2 * bandwidth**2))


def _kernel_sum(a: np.ndarray, b: np.ndarray, bandwidth: float) -> float:
    """Sum of the kernel over all pairs, from -|a - b|^2 / 2 = ab - |a|^2 / 2 - |b|^2 / 2: accurate near the origin only."""
    first, second = torch.from_numpy(a / bandwidth), torch.from_numpy(b / bandwidth)
    above, beside = (-rows.square().sum(dim=1) / 2 for rows in (second, first))
    parts = zip(first.split(ROWS), beside.split(ROWS))
    return sum(torch.addmm(above, part, second.T).add_(own[:, None]).exp_().sum().item() for part, own in parts)


def _without_itself(a: np.ndarray, bandwidth: float) -> float:
    """Mean of the kernel over the pairs of different rows."""
    return (_kernel_sum(a, a, bandwidth) - len(a)) / (len(a) * (len(a) - 1))


def _angles(count: int) -> np.ndarray:
    return np.arange(count) * (np.pi / count)


@cache
def _directions(d: int, count: int) -> np.ndarray:
    """Unit columns (d, count)."""
    if d == 2:
        return np.stack([np.cos(_angles(count)), np.sin(_angles(count))])
    columns = np.random.default_rng(0).normal(size=(d, count))
    return columns / np.linalg.norm(columns, axis=0)
