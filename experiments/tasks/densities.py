"""The exact model of a world, evaluated on samples and on a grid: log densities, class logits, and densities tilted with w."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.worlds.world import LOGSNR_CLEAN, data

if TYPE_CHECKING:
    from analysis.measures.grid import GridDensity

EDGE, CELLS = 4.0, 256  # of the grid in the plane: [-EDGE, EDGE], CELLS cells per side


def in_the_plane(world: Any) -> bool:
    """Whether the density of a world can be drawn, and its tilted densities be normalised, on a grid."""
    return world.exact and tuple(world.shape) == (2,)


def logits(world: Any, x: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact log p(x | label) (n,) and log p(x, c) (n, classes), in float64, a few thousand rows at a time."""
    exact, parts = data(world).oracle, []
    for rows in torch.arange(len(x)).split(4000):
        clean = torch.full((len(rows),), LOGSNR_CLEAN, dtype=torch.float64)
        parts.append(exact.class_logits(torch.from_numpy(x[rows]), clean))
    class_logits = torch.cat(parts).numpy()
    return class_logits[np.arange(len(x)), label] - exact.class_log_weights().numpy()[label], class_logits


@lru_cache(maxsize=64)
def tilted(world: Any, label: int, w: float) -> "GridDensity":
    """p(x|c) p(c|x)^w, normalised on the grid."""
    from analysis.measures.grid import GridDensity
    from analysis.measures.grid import tilted as tilt

    middles, points = mesh()
    log_density, class_logits = logits(world, points, np.full(len(points), label))
    log_class = class_logits[:, label] - np.logaddexp.reduce(class_logits, axis=1)
    return GridDensity(middles, middles, tilt(log_density, log_class, w).reshape(CELLS, CELLS))


@lru_cache(maxsize=2)
def marginal(world: Any) -> "GridDensity":
    """p(x), on the grid."""
    from analysis.measures.grid import GridDensity

    middles, points = mesh()
    class_logits = logits(world, points, np.zeros(len(points), dtype=np.int64))[1]
    return GridDensity(middles, middles, np.logaddexp.reduce(class_logits, axis=1).reshape(CELLS, CELLS))


def mesh() -> tuple[np.ndarray, np.ndarray]:
    """The centres of the cells along either axis, and all of them as points (CELLS^2, 2), x running first."""
    middles = EDGE * ((2 * np.arange(CELLS) + 1) / CELLS - 1)
    return middles, np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
