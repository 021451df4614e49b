"""Characteristic guidance. Zheng & Lan, 2023, arXiv 2312.07586, section 5.

eps~ = (1 + w) eps(z + w d, c) - w eps(z + (1 + w) d),   d = sigma [eps(z + (1 + w) d) - eps(z + w d, c)]

d = 0 is classifier-free guidance, whose eps is no diffused density's: the correction follows the characteristics of the
Fokker-Planck equation. For two isotropic Gaussians it is exact: eps~ is that of the diffused p(x | c)^(1 + w) p(x)^(-w). d is
the fixed point of an iteration from 0, with the Anderson acceleration (of depth 1) of the authors' code, which with one
direction solves a linear equation of one eigenvalue in two iterations. A sample whose d does not converge keeps d = 0. Each
iterate's residual is that of the evaluation that the next one needs, so that n iterations cost n + 1 of classifier-free guidance,
and the number is fixed: no sample waits for another. The authors' projection of d (a regularised fit to one direction a channel)
belongs to latent models and is left out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.diffusion import Prediction, alpha_sigma
from guidance.methods.method import Method
from guidance.spaces import dot, from_space, norm


@dataclass(frozen=True)
class Characteristic(
    Method,
    name="characteristic",
    family="with the sampler",
    requires_model=("null",),
    space="eps",
    reduces_to_cfg={"iterations": 0},
):
    """Evaluates the two models at displaced states that make the guided score that of a diffusion.

    iterations: 0 is classifier-free guidance; tolerance: of the root mean square of the equation's residual, in units of z.
    """

    w: float = 3.0
    iterations: int = 10
    tolerance: float = 1e-3

    def __post_init__(self):
        super().__post_init__()
        if self.iterations < 0:
            raise ValueError(f"iterations must be 0 or more, not {self.iterations}")
        if not self.tolerance > 0:
            raise ValueError(f"tolerance must be positive, not {self.tolerance}")

    @property
    def nfe_per_call(self) -> NFE:
        """Two forwards for each iterate, the first included."""
        return NFE(denoiser_forward=2 * (self.iterations + 1))

    def guided(self, model: Denoiser) -> Denoiser:
        def evaluate(cond: Prediction, null: Prediction, d: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """The guided eps, the residual of the equation, and its root mean square."""
            residual = sigma * (null.eps - cond.eps) - d
            return (1 + self.w) * cond.eps - self.w * null.eps, residual, norm(residual) / d[0].numel() ** 0.5

        def corrected(z, logsnr, label):
            sigma, d, previous = alpha_sigma(logsnr, z)[1], torch.zeros_like(z), None
            pred, null = branches(model, z, logsnr, [label, None])
            best_eps, residual, rms = evaluate(pred, null, d, sigma)
            best_rms = torch.full_like(rms, self.tolerance)
            for _ in range(self.iterations):
                d, previous = accelerated(d, residual, previous), (d, residual)
                cond, null = model(z + self.w * d, logsnr, label), model(z + (1 + self.w) * d, logsnr, None)
                eps, residual, rms = evaluate(cond, null, d, sigma)
                best_eps, best_rms = torch.where(rms < best_rms, eps, best_eps), torch.where(rms < best_rms, rms, best_rms)
            return from_space(pred, best_eps, "eps", z, logsnr)

        return corrected


def accelerated(d: Tensor, residual: Tensor, previous: tuple[Tensor, Tensor] | None) -> Tensor:
    """The next iterate of d <- d + residual: at first that, then the mixture of the last two that minimises the residual."""
    if previous is None:
        return d + residual
    change = residual - previous[1]
    mixing = dot(residual, change) / dot(change, change).clamp(min=1e-30)
    return d + residual - mixing * (d - previous[0] + change)
