"""Power-law guidance. Pavasovic, Verbeek, Biroli & Mezard, 2025, arXiv 2502.07849.

s~ = s_c + w ||s_c - s_u||^power (s_c - s_u),   s the score, || || over all numbers of a sample

Read in a public digest of the paper, which has the formula in scores, and in a re-implementation, which calls the norm of x
"rescaled".
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.spaces import SPACES, norm, to_space


@dataclass(frozen=True)
class PowerLaw(
    Method,
    name="power-law",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"power": 0.0},
):
    """Guides more where the conditional and the null prediction differ more.

    power: the paper's alpha, 0.9 for its latent models, above -1. measured: what the norm is taken of: "score" as in the paper,
    that is eps / sigma, or x, eps or v. It is a Euclidean norm over the whole sample, not a mean, so that w is not portable
    between sizes of images or units; the update itself is the same in every space.
    """

    w: float = 0.5
    power: float = 0.9
    measured: str = "score"

    def __post_init__(self):
        super().__post_init__()
        if not self.power > -1:
            raise ValueError(f"power must exceed -1, or the update does not vanish with the difference, not {self.power}")
        if self.measured not in ("score", *SPACES):
            raise ValueError(f"measured must be one of score, {', '.join(SPACES)}, not {self.measured!r}")

    def guided(self, model: Denoiser) -> Denoiser:
        def strengthened(cond, null, z, logsnr):
            if self.measured == "score":
                length = norm(cond.eps - null.eps) / alpha_sigma(logsnr, z)[1]
            else:
                length = norm(to_space(cond, self.measured, logsnr) - to_space(null, self.measured, logsnr))
            return extrapolate(cond, null, self.w * length.clamp(min=1e-12) ** self.power)

        return combined(model, strengthened)
