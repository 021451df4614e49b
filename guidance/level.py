"""Lambda and labels as host numbers: what is decided on the host is known there, and never read back from a device.

A sampler makes lambda from a float of its grid, and the tensor that it hands on bears that float. A tensor without one, of a loop
of the caller's, is read in every call.
"""

import ctypes
import math
from contextlib import nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROUNDING = 1e-4  # a lambda that went through float32 is still the same level
HOST = "_host_level"  # attribute of a tensor: (version, the float that all its rows are)
SCALES = "_scales"  # attribute of such a tensor: alpha and sigma by the number of dimensions they broadcast to
RANGE = "_host_range"  # attribute of labels: (version, lowest, highest), as they were read or made


def at(logsnr: float, z: Float[Tensor, "b *shape"]) -> Float[Tensor, " b"]:
    """`logsnr` for every row of z, as a denoiser takes it, with its value on the host."""
    level = z.new_full((len(z),), logsnr)
    return _known(level, rounded(logsnr, z.dtype))


def rounded(logsnr: float, dtype: torch.dtype) -> float:
    """The number that a tensor of this dtype makes of it."""
    if dtype == torch.float32:
        return ctypes.c_float(logsnr).value
    return logsnr if dtype == torch.float64 else torch.tensor(logsnr, dtype=dtype, device="cpu").item()


def alpha_sigma_at(logsnr: float) -> tuple[float, float]:
    """alpha and sigma of one level, as floats."""
    return math.sqrt(1 / (1 + math.exp(-logsnr))), math.sqrt(1 / (1 + math.exp(logsnr)))


def host_level(logsnr: Float[Tensor, " b"]) -> float | None:
    """The lambda of all rows, if it was made as one and not changed in place since; None: it must be read."""
    version, level = getattr(logsnr, HOST, (None, None))
    return level if version == _version(logsnr) else None


def known_scales(logsnr: Float[Tensor, " b"], ndim: int) -> tuple[Tensor, Tensor] | None:
    """alpha and sigma, (b, 1, ...) with `ndim` dimensions, of a level that is known on the host; made once. None of another, and
    of one by which something is differentiated.
    """
    level = host_level(logsnr)
    if level is None or logsnr.requires_grad:
        return None
    made = logsnr.__dict__.setdefault(SCALES, {})
    scales = made.get(ndim)
    if scales is None or scales[0]._version or scales[1]._version:  # the caller's own arithmetic in place
        with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():  # for graphs
            alpha, sigma = alpha_sigma_at(level)
            shape = (len(logsnr), *(1,) * (ndim - 1))
            scales = made[ndim] = logsnr.new_full(shape, alpha), logsnr.new_full(shape, sigma)
    return scales


def copied(known: Tensor) -> Tensor:
    """A detached copy of lambda or labels, of which the host knows what it knew."""
    copy = known.detach().clone()
    if known.is_floating_point() and (level := host_level(known)) is not None:
        _known(copy, level)
    return labels_within(copy, *label_range(known)) if hasattr(known, RANGE) else copy


def distinct_levels(logsnr: Float[Tensor, " b"]) -> list[float]:
    """The different lambdas of the rows, rising; one, of a tensor that a sampler made."""
    known = host_level(logsnr)
    return [known] if known is not None else logsnr.unique().tolist()


def level_of(logsnr: Float[Tensor, " b"]) -> float:
    """The lambda of all rows. ValueError if they differ."""
    found = distinct_levels(logsnr)
    if len(found) != 1:
        raise ValueError(
            f"the rows of a batch must share one lambda here; they have {len(found)}, from {found[:1]} to {found[-1:]}"
        )
    return found[0]


def labels_within(label: Int[Tensor, " b"], low: int, high: int) -> Int[Tensor, " b"]:
    """`label`, of which is known how it was made: none is below `low` or above `high`, so that none need be read."""
    setattr(label, RANGE, (_version(label), low, high))
    return label


def label_range(label: Int[Tensor, " b"]) -> tuple[int, int]:
    """Bounds of the labels; if unknown, the smallest and the largest, read from the device once for each tensor."""
    version, known = _version(label), getattr(label, RANGE, None)
    if known is None or known[0] != version:
        known = (version, *(int(end) for end in torch.stack(label.aminmax()).tolist()))
        setattr(label, RANGE, known)
    return known[1:]


def _known(logsnr: Tensor, level: float) -> Tensor:
    setattr(logsnr, HOST, (_version(logsnr), level))
    return logsnr


def _version(tensor: Tensor) -> int:
    """How often it was changed in place: -1 in inference mode, which keeps no count."""
    return -1 if tensor.is_inference() else tensor._version


def require_range(logsnr: Float[Tensor, " b"], low: float, high: float) -> None:
    """ValueError unless every lambda lies in [low, high], with a thousandth to spare for rounding."""
    if not (found := distinct_levels(logsnr)):
        return
    smallest, largest = found[0], found[-1]
    if not (low - 1e-3 <= smallest and largest <= high + 1e-3):
        raise ValueError(f"logsnr reaches from {smallest:g} to {largest:g}, outside the trained range [{low:g}, {high:g}]")


def require_labels(label: Int[Tensor, " b"], classes: int) -> None:
    """ValueError unless every label lies in 0..classes-1."""
    if not len(label):
        return
    smallest, largest = label_range(label)
    if not (smallest >= 0 and largest < classes):
        raise ValueError(f"label reaches from {smallest} to {largest}: the classes are 0 to {classes - 1}")
