"""Non-linear arithmetic on two beliefs depends on the space it is done in: x, eps or v. The rules that all methods share.

Norms, dot products and quantiles are per sample, over everything but the first dimension.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from guidance.diffusion import TARGETS, Prediction, v_of
from guidance.scale import like

SPACES = ("x", "eps", "v")


def require_space(space: str) -> None:
    """ValueError unless `space` is one of SPACES."""
    if space not in SPACES:
        raise ValueError(f"space must be one of {', '.join(SPACES)}, not {space!r}")


def told(belief: Prediction, space: str, logsnr: Float[Tensor, " b"]) -> Tensor:
    """What is believed, as x, eps or v."""
    return v_of(belief.x, belief.eps, logsnr) if space == "v" else getattr(belief, space)


def believing(belief: Prediction, value: Tensor, space: str, z: Tensor, logsnr: Float[Tensor, " b"]) -> Prediction:
    """`belief` with x and eps made of `value`, which is told in `space`."""
    made = TARGETS[space](z, value, logsnr)
    return belief._replace(x=made.x, eps=made.eps)


def within(space: str, combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Prediction]:
    """combine(cond, null) done in `space`, as a function of the two beliefs, z and lambda."""

    def combining(cond: Prediction, null: Prediction, z: Tensor, logsnr: Tensor) -> Prediction:
        value = combine(told(cond, space, logsnr), told(null, space, logsnr))
        return believing(cond, value, space, z, logsnr)

    return combining


def dot(a: Float[Tensor, "b *shape"], b: Float[Tensor, "b *shape"]) -> Tensor:
    """<a, b> of each sample, shaped (b, 1, ...) to broadcast."""
    return like((a * b).flatten(1).sum(1), a)


def norm(a: Float[Tensor, "b *shape"]) -> Tensor:
    """||a|| of each sample, shaped (b, 1, ...) to broadcast."""
    return like(a.flatten(1).norm(dim=1), a)


def parallel(a: Float[Tensor, "b *shape"], b: Float[Tensor, "b *shape"]) -> Float[Tensor, "b *shape"]:
    """The part of `a` along `b`, 0 where b is."""
    return dot(a, b) / dot(b, b).clamp(min=1e-30) * b


def std(a: Float[Tensor, "b *shape"]) -> Tensor:
    """The standard deviation over each sample's numbers, shaped (b, 1, ...) to broadcast."""
    return like(a.flatten(1).std(dim=1), a)
