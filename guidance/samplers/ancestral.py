"""The ancestral sampler in log-SNR: Ho & Salimans, arXiv 2207.12598, Algorithm 2 and eqs. 3 and 4.

z' ~ N( e^(l - l') (alpha'/alpha) z + (1 - e^(l - l')) alpha' x,  (s~^2)^(1 - v) (s^2)^v ),   l < l'
with s~^2 = (1 - e^(l - l')) sigma'^2 and s^2 = (1 - e^(l - l')) sigma^2.
"""

import math
from collections.abc import Callable
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.samplers.grid import at, levels


def step_coefficients(logsnr: float, next_logsnr: float, v: float) -> tuple[float, float, float]:
    """(a, b, s) of one step z' = a z + b x + s noise, exact where the two levels are close (expm1)."""
    log_alpha2, log_next_alpha2 = -math.log1p(math.exp(-logsnr)), -math.log1p(math.exp(-next_logsnr))
    log_sigma2, log_next_sigma2 = log_alpha2 - logsnr, log_next_alpha2 - next_logsnr
    fresh = -math.expm1(logsnr - next_logsnr)  # 1 - e^(l - l'): the share of the noise that is renewed
    kept = math.exp(logsnr - next_logsnr + (log_next_alpha2 - log_alpha2) / 2)
    variance = fresh * math.exp((1 - v) * log_next_sigma2 + v * log_sigma2)
    return kept, fresh * math.exp(log_next_alpha2 / 2), math.sqrt(variance)


def ancestral(
    denoiser: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnrs: Float[Tensor, " steps"],
    label: Label,
    noise: Callable[[], Tensor],
    v: float = 0.3,
) -> Float[Tensor, "b *shape"]:
    """x (b, *shape) from z ~ N(0, I) at logsnrs[0], one denoiser call a level; the last call's x is the sample.

    logsnrs: increasing, from noise to data; noise: returns fresh N(0, I) shaped as z, once a step.
    v: interpolates the variance in log space, 0: that of q(z'|z, x), 1: that of q(z|z') (0.3 at 64x64 in the paper).
    Raises ValueError for a grid that does not increase or a v outside [0, 1].
    """
    if not 0 <= v <= 1:
        raise ValueError(f"v must lie in [0, 1], not {v}")
    values = levels(logsnrs)
    for logsnr, next_logsnr in pairwise(values):
        kept, gain, spread = step_coefficients(logsnr, next_logsnr, v)
        z = kept * z + gain * denoiser(z, at(logsnr, z), label).x + spread * noise()
    return denoiser(z, at(values[-1], z), label).x
