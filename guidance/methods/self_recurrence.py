"""Self-recurrence. Lugmayr et al., 2022, arXiv 2201.09865, Algorithm 1 (resampling), around classifier-free guidance.

z' = DDIM(z) with (1 + w) D_c - w D_u,   z <- (alpha / alpha') z' + sigma sqrt(1 - e^(l - l')) noise;   k visits to each level

Bansal et al. (arXiv 2302.07121, Algorithm 1) do it around any guidance, and call it so. The visits accumulate guidance: a
comparison at equal w is none at equal effective strength. At the last level there is nowhere to go and back.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.recurrence import Recurrent


@dataclass(frozen=True)
class SelfRecurrence(
    Recurrent,
    name="self-recurrence",
    family="with the sampler",
    roles=("model", "levels", "noise"),
    requires_model=("null",),
    reduces_to_cfg={"recurrences": 1},
    nfe_per_visit=NFE(denoiser_forward=2),
    jumps_at_zero="the recurrences stay, with noise of their own",
):
    """Classifier-free guidance that visits each level several times, one step on and the noise of it back.

    recurrences: k; the default is a choice of this library, the papers use 10 and 5 to 10.
    """

    w: float = 1.0
    recurrences: int = 2

    def once(self, model: Denoiser, levels: tuple[float, ...], noise: Callable[[], Tensor]) -> Denoiser:
        return lambda z, logsnr, label: weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])
