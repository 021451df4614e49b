"""Non-linear arithmetic on two predictions depends on the space it is done in. The rules that all methods share.

x, eps and v = alpha eps - sigma x are what networks predict; velocity = x - eps is that of a rectified flow, dx_t/dt of
x_t = t x + (1 - t) eps. v is not the velocity: at pure noise it tends to -x, and the velocity to x - eps.
Norms, dot products and quantiles are per sample, over everything but the first dimension, or over `axes` of those.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.diffusion import TARGETS, Prediction, alpha_sigma, v_of
from guidance.scale import like

SPACES = ("x", "eps", "v", "velocity")


def require_space(space: str) -> None:
    """ValueError unless `space` is one of SPACES."""
    if space not in SPACES:
        raise ValueError(f"space must be one of {', '.join(SPACES)}, not {space!r}")


def to_space(pred: Prediction, space: str, logsnr: Float[Tensor, " b"]) -> Tensor:
    """The prediction expressed as x, eps, v or velocity."""
    if space == "velocity":
        return pred.x - pred.eps
    return v_of(pred.x, pred.eps, logsnr) if space == "v" else getattr(pred, space)


def from_space(pred: Prediction, value: Tensor, space: str, z: Tensor, logsnr: Float[Tensor, " b"]) -> Prediction:
    """`pred` with the x and eps that follow from `value`, which is expressed in `space`."""
    if space == "velocity":
        alpha, sigma = alpha_sigma(logsnr, z)
        return pred._replace(x=(z + sigma * value) / (alpha + sigma), eps=(z - alpha * value) / (alpha + sigma))
    changed = TARGETS[space](z, value, logsnr)
    return pred._replace(x=changed.x, eps=changed.eps)


def in_space(space: str, combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Prediction]:
    """combine(cond, null) done in `space`, as a function of the two predictions, z and lambda."""

    def combined(cond: Prediction, null: Prediction, z: Tensor, logsnr: Tensor) -> Prediction:
        value = combine(to_space(cond, space, logsnr), to_space(null, space, logsnr))
        return from_space(cond, value, space, z, logsnr)

    return combined


Axes = tuple[int, ...] | None


def dot(a: Float[Tensor, "b *shape"], b: Float[Tensor, "b *shape"], axes: Axes = None) -> Tensor:
    """<a, b> of each sample, shaped (b, 1, ...) to broadcast."""
    return like((a * b).flatten(1).sum(1), a) if axes is None else (a * b).sum(axes, keepdim=True)


def norm(a: Float[Tensor, "b *shape"], axes: Axes = None) -> Tensor:
    """||a|| of each sample, shaped (b, 1, ...) to broadcast."""
    return like(a.flatten(1).norm(dim=1), a) if axes is None else torch.linalg.vector_norm(a, dim=axes, keepdim=True)


def parallel(a: Float[Tensor, "b *shape"], b: Float[Tensor, "b *shape"], axes: Axes = None) -> Float[Tensor, "b *shape"]:
    """The part of `a` along `b`, 0 where b is."""
    return dot(a, b, axes) / dot(b, b, axes).clamp(min=1e-30) * b


def std(a: Float[Tensor, "b *shape"]) -> Tensor:
    """The standard deviation over each sample's numbers, shaped (b, 1, ...) to broadcast."""
    return like(a.flatten(1).std(dim=1), a)
