"""Particles: rows of a batch that are weighed against each other and resampled, those of one label among themselves.

ESS = (sum W)^2 / sum W^2;   a set whose ESS falls below a share of its size is resampled, and its weights start again from 1

Systematic resampling: one uniform number u per set, particle i goes to the places j with (j + u) / n inside its share of the
summed weights, so the number of its copies differs from n W by less than one. The ESS of every set is logged at level DEBUG.
"""

import logging
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.diffusion import Prediction

log = logging.getLogger(__name__)


def rows_by_label(label: Int[Tensor, " b"] | None, z: Float[Tensor, "b *shape"]) -> list[Tensor]:
    """The rows of each label in their order, one set per label; all rows of z in one set if there are no labels."""
    if label is None:
        return [torch.arange(len(z), device=z.device)]
    return [(label == value).nonzero()[:, 0] for value in label.unique()]


def effective_sample_size(log_weights: Float[Tensor, " n"]) -> float:
    """Between 1 (one particle has all the weight) and n (all weigh the same)."""
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp().item()


def systematic(log_weights: Float[Tensor, " n"], uniform: float) -> Int[Tensor, " n"]:
    """Which particle each of n places gets, in increasing order. `uniform`: 0 <= u < 1."""
    edges = log_weights.double().softmax(0).cumsum(0)
    places = (torch.arange(len(edges), dtype=edges.dtype, device=edges.device) + uniform) / len(edges)
    return torch.searchsorted(edges, places, right=True).clamp(max=len(edges) - 1)


def resampled(
    log_weights: Float[Tensor, " b"],
    label: Int[Tensor, " b"] | None,
    noise: Float[Tensor, "b *shape"],
    threshold: float,
) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"]]:
    """The row that each row becomes, and the log weights after it: 0 in the sets that were resampled.

    threshold: of ESS over the set's size; above 1 always. noise: each set takes its u from its first row's first number, so
    that neither another set nor its size matters. ValueError for weights that are not numbers.
    """
    if log_weights.isnan().any() or (log_weights == math.inf).any():
        raise ValueError("the weights of particles must be numbers: some are NaN or infinite")
    index, weights = torch.arange(len(log_weights), device=log_weights.device), log_weights.clone()
    for rows in rows_by_label(label, log_weights):
        size = effective_sample_size(log_weights[rows])
        log.debug("%d particles: effective sample size %.2f", len(rows), size)
        if size < threshold * len(rows):
            uniform = torch.special.ndtr(noise[rows[0]].flatten()[0].double()).clamp(max=1 - 1e-12).item()
            index[rows] = rows[systematic(log_weights[rows], uniform)]
            weights[rows] = 0.0
    return index, weights


def select_particles(pred: Prediction, z: Tensor, index: Int[Tensor, " b"]) -> Prediction:
    """The prediction of the rows `index` of z, with the sampler's z moved to them; requires "moved_z" of the sampler."""
    return pred.map(lambda rows: rows[index]).with_control(z=z[index])


def require_threshold(threshold: float) -> None:
    """ValueError unless it is a share of a set's size."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1], not {threshold}")
