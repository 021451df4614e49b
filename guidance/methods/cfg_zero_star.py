"""CFG-Zero*. Fan et al., 2025, arXiv 2503.18886, eq. 10 and Algorithm 1.

d~ = s d_u + (1 + w) (d_c - s d_u),   s = <d_c, d_u> / ||d_u||^2;   0 in the first steps
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import ROUNDING
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import in_space, parallel


@dataclass(frozen=True)
class CFGZeroStar(
    Method, name="cfg-zero-star", family="correction", requires_model=("null",), nfe_per_call=NFE(denoiser_forward=2)
):
    """Scales the unconditional prediction to its best fit of the conditional one before extrapolating from it.

    zero_until: the lambda below which the velocity of a flow is 0, the other half of the paper: z stays as it is, in the scale of
    a flow, z / (alpha + sigma), and nothing is evaluated (None: never; the first 4 % of a flow's time end at -6.36).
    space: velocity, as in the paper. w = 0 is off, as the formula is then d_c for any s.
    """

    w: float = 3.0
    zero_until: float | None = None
    space: str = "velocity"

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of any method, but nothing where the velocity is 0."""
        return super().nfe([logsnr for logsnr in logsnrs if not (self.acts(logsnr) and self._zero(logsnr))])

    def guided(self, model: Denoiser) -> Denoiser:
        scaled = combined(model, in_space(self.space, lambda cond, null: cond + self.w * (cond - parallel(cond, null))))

        def guided(z, logsnr, label):
            if not self.of_all_rows(self._zero, logsnr):
                return scaled(z, logsnr, label)
            alpha, sigma = alpha_sigma(logsnr, z)
            still = z / (alpha + sigma)
            return Prediction(still, still)

        return guided

    def _zero(self, logsnr: float) -> bool:
        return self.zero_until is not None and logsnr < self.zero_until - ROUNDING
