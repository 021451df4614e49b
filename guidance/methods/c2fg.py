"""Control classifier-free guidance (C2FG). Gao et al., 2026, arXiv 2603.08155, eq. 14.

eps~ = eps_u + W(lambda) (eps_c - eps_u),   W(lambda) = W0 exp(r (1 - t)),   t = 1 - progress(lambda)

t is the time of the cosine schedule, as in all schedules of this package; the paper's is the time of each model's own process
over its largest. Read in a public digest, not in the paper itself.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.scale import like, progress


@dataclass(frozen=True)
class ExponentialScale(
    Method,
    name="c2fg",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"start": 1.0},
):
    """The scale grows exponentially with progress p, from 1 + start w to 1 + w: W(lambda) = (1 + start w)^(1 - p) (1 + w)^p.

    w: at the data; start: the share of it at the noise. W0 is 1 + start w and r is log((1 + w) / (1 + start w)): the paper's DiT,
    W0 = 1 and r = log 2, is w = 1, start = 0, and its SiT, W0 = 1 and r = 1, is w = e - 1, start = 0. Here w = 0 is off, which
    W0 = 1 is not.
    """

    w: float = 1.0
    start: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not (1 + self.w > 0 and 1 + self.start * self.w > 0):
            raise ValueError(
                f"1 + w and 1 + start w must be positive, being scales, but w = {self.w:g} and start = {self.start:g}"
            )

    def guided(self, model: Denoiser) -> Denoiser:
        def growing(cond, null, z, logsnr):
            p = progress(logsnr)
            return extrapolate(cond, null, like((1 + self.start * self.w) ** (1 - p) * (1 + self.w) ** p - 1, z))

        return combined(model, growing)
