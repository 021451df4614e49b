"""Lambda and labels as host numbers: what is decided on the host is known there, and never read back from a device.

A sampler makes lambda from a float of its grid, and the tensor that it hands on bears that float. A tensor without one, of a loop
of the caller's, is read in every call.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

HOST = "_host_level"  # attribute of a tensor whose rows are all this float
RANGE = "_host_range"  # attribute of labels that were read: (version, smallest, largest)


def at(logsnr: float, z: Float[Tensor, "b *shape"]) -> Float[Tensor, " b"]:
    """`logsnr` for every row of z, as a denoiser takes it, with its value on the host."""
    level = torch.full((len(z),), logsnr, dtype=z.dtype, device=z.device)
    setattr(level, HOST, rounded(logsnr, z.dtype))
    return level


def rounded(logsnr: float, dtype: torch.dtype) -> float:
    """The number that a tensor of this dtype makes of it."""
    return torch.tensor(logsnr, dtype=dtype).item()


def distinct_levels(logsnr: Float[Tensor, " b"]) -> list[float]:
    """The different lambdas of the rows, rising; one, of a tensor that a sampler made."""
    known = getattr(logsnr, HOST, None)
    return [known] if known is not None else logsnr.unique().tolist()


def level_of(logsnr: Float[Tensor, " b"]) -> float:
    """The lambda of all rows. ValueError if they differ."""
    found = distinct_levels(logsnr)
    if len(found) != 1:
        raise ValueError(
            f"the rows of a batch must share one lambda here; they have {len(found)}, from {found[:1]} to {found[-1:]}"
        )
    return found[0]


def label_range(label: Int[Tensor, " b"]) -> tuple[int, int]:
    """The smallest and the largest label, read from the device the first time that this tensor is asked about."""
    version = None if label.is_inference() else label._version
    known = getattr(label, RANGE, None)
    if known is None or version is None or known[0] != version:
        known = (version, *(int(end) for end in torch.stack(label.aminmax()).tolist()))
        setattr(label, RANGE, known)
    return known[1:]
