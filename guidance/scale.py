"""How hard to push as a function of lambda: ramps over the progress of a trajectory, none of them over its step index.

Progress runs from 0 (noise) to 1 (data). It is 1 - t of the continuous cosine schedule, alpha = cos(pi t / 2), at which the
paper's grids are even: progress = 1 - (2 / pi) arctan(e^(-lambda / 2)). Papers that write t in [0, 1] mean 1 - progress.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def progress(logsnr: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """How much of the way from noise (0) to data (1) has been gone at lambda."""
    return 1 - (2 / math.pi) * (-logsnr / 2).exp().atan()


def logsnr_at(progress: float) -> float:
    """The lambda at which so much of the way has been gone, 0 < progress < 1."""
    return -2 * math.log(math.tan(math.pi / 2 * (1 - progress)))


def logsnr_of_sigma(sigma: float) -> float:
    """lambda of a noise level of EDM (Karras et al., arXiv 2206.00364), z = x + sigma noise: -2 log sigma."""
    return -2 * math.log(sigma)


def like(values: Float[Tensor, " b"], z: Float[Tensor, "b *shape"]) -> Tensor:
    """One number per sample, shaped (b, 1, ...) to broadcast against z."""
    return values.reshape(-1, *(1,) * (z.ndim - 1))


# of progress p in [0, 1] and a power, (b,) each; all but the last have mean 1 over p
SCHEDULES = {
    "constant": lambda p, power: torch.ones_like(p),
    "linear": lambda p, power: 2 * p,
    "inverse-linear": lambda p, power: 2 * (1 - p),
    "cosine": lambda p, power: 1 - (math.pi * p).cos(),
    "inverse-cosine": lambda p, power: 1 + (math.pi * p).cos(),
    "sine": lambda p, power: math.pi / 2 * (math.pi * p).sin(),
    "v": lambda p, power: 2 * (2 * p - 1).abs(),
    "lambda": lambda p, power: 2 * (1 - (2 * p - 1).abs()),
    "power-cosine": lambda p, power: (1 - (math.pi * p**power).cos()) / 2,
}
