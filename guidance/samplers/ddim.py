"""The deterministic DDIM sampler (Song, Meng & Ermon, arXiv 2010.02502, eq. 12 with sigma = 0), in log-SNR.

z' = alpha' x + sigma' eps
"""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.samplers.grid import at, levels


def ddim(
    denoiser: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnrs: Float[Tensor, " steps"],
    label: Label,
    noise: Callable[[], Tensor],
) -> Float[Tensor, "b *shape"]:
    """x (b, *shape) from z ~ N(0, I) at logsnrs[0], one denoiser call a level; the last call's x is the sample.

    logsnrs: increasing, from noise to data, else ValueError; noise: never drawn, there for the common signature.
    """
    first, *rest = levels(logsnrs)
    belief = denoiser(z, at(first, z), label)
    for logsnr in rest:
        alpha, sigma = math.sqrt(1 / (1 + math.exp(-logsnr))), math.sqrt(1 / (1 + math.exp(logsnr)))
        z = alpha * belief.x + sigma * belief.eps
        belief = denoiser(z, at(logsnr, z), label)
    return belief.x
