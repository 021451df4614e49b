"""What is measured of samples where the truth is known: the world itself is the judge, and its tilted density the target."""

from functools import lru_cache

import numpy as np
import torch

from analysis.exact import Drawn, Truth, against_data, measure_points
from analysis.grid import GridDensity
from analysis.grid import tilted as tilt
from experiments.worlds import WORLDS, World
from guidance.seeding import INDICES, SEEDS, generator

CLEAN = 60.0  # the lambda at which z is x
NEIGHBOURS = 5  # of the estimate of KL: a point with so many copies has no density
EDGE, CELLS = 4.0, 256  # of the grid in the plane: [-EDGE, EDGE], so many cells a side


def measure_exact(world: World, x: np.ndarray, label: np.ndarray, w: float | None) -> dict[str, float]:
    """Every measure of x (n, *shape) by name; in the plane, for a w, also its distances from the density tilted with w.

    Samples that share points, collapsed or cut off at a bound, have no density, and no distances from one.
    """
    x = x.reshape(len(x), -1).astype(np.float64)
    log_density, logits = judge(world.name, x, label)
    densities = [tilted(world.name, c, w) for c in range(world.classes)] if world.shape == (2,) and w is not None else None
    drawn, exact = Drawn(x=x, label=label, logits=logits, log_density=log_density), truth(world, densities)
    collapsed = np.unique(x, axis=0, return_counts=True)[1].max() >= NEIGHBOURS
    return against_data(drawn, exact) if collapsed else measure_points(drawn, exact)


def exact_draws(world: World, n: int, w: float | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x (n, *shape) and label (n,), balanced: draws of the world, or in the plane of its density tilted with w."""
    label = np.arange(n) % world.classes
    if w is None:
        g = generator(seed, INDICES - 1)  # no sample of a study has this index
        return world.exact.sample(torch.from_numpy(label), g).float().numpy().reshape(n, *world.shape), label
    x = np.empty((n, 2), dtype=np.float32)
    for c in range(world.classes):
        x[label == c] = tilted(world.name, c, w).sample(int((label == c).sum()), np.random.default_rng([SEEDS + seed, c]))
    return x, label


def truth(world: World, densities: list[GridDensity] | None) -> Truth:
    """The exact moments of the world and of each class, and the densities that samples are compared with."""
    found = [world.exact.moments(c) for c in (None, *range(world.classes))]
    means, covariances = (np.stack([part.double().numpy() for part in parts]) for parts in zip(*found))
    return Truth(
        mean=means[0],
        covariance=covariances[0],
        class_means=means[1:],
        class_covariances=covariances[1:],
        tilted=densities,
    )


def judge(name: str, x: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact log p(x | label) (n,) and log p(x, c) (n, classes), in float64, a few thousand rows at a time."""
    exact, parts = WORLDS[name]().exact, []
    for rows in torch.arange(len(x)).split(4000):
        clean = torch.full((len(rows),), CLEAN, dtype=torch.float64)
        parts.append(exact.class_logits(torch.from_numpy(x[rows]), clean))
    logits = torch.cat(parts).numpy()
    return logits[np.arange(len(x)), label] - exact.class_log_weights().numpy()[label], logits


@lru_cache(maxsize=64)
def tilted(name: str, label: int, w: float) -> GridDensity:
    """p(x|c) p(c|x)^w, normalised on the grid."""
    middles, points = mesh()
    log_density, logits = judge(name, points, np.full(len(points), label))
    log_class = logits[:, label] - np.logaddexp.reduce(logits, axis=1)
    return GridDensity(middles, middles, tilt(log_density, log_class, w).reshape(CELLS, CELLS))


@lru_cache(maxsize=2)
def marginal(name: str) -> GridDensity:
    """p(x), on the grid."""
    middles, points = mesh()
    logits = judge(name, points, np.zeros(len(points), dtype=np.int64))[1]
    return GridDensity(middles, middles, np.logaddexp.reduce(logits, axis=1).reshape(CELLS, CELLS))


def mesh() -> tuple[np.ndarray, np.ndarray]:
    """The centres of the cells along either axis, and all of them as points (CELLS^2, 2), x running first."""
    middles = EDGE * ((2 * np.arange(CELLS) + 1) / CELLS - 1)
    return middles, np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
