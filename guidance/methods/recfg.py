"""Rectified classifier-free guidance (ReCFG). Xia et al., 2024, arXiv 2410.18737, with the look-up table of the authors' code.

eps~ = (1 + w) eps_c - w rho eps_u,   rho(lambda, c) = E[eps_c eps_u] / E[eps_u^2], pixel by pixel
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.level import alpha_sigma_at, at
from guidance.methods.method import Method
from guidance.noise import SampleNoise
from guidance.spaces import from_space


@dataclass(frozen=True)
class ReCFG(
    Method,
    name="recfg",
    family="correction",
    roles=("model", "ratios"),
    requires_model=("null",),
    space="eps",
    nfe_per_call=NFE(denoiser_forward=2),
):
    """Makes the expected update zero, as that of a score is, by a coefficient for each level, class and pixel.

    The coefficients are the role `ratios`: `measure_ratios` finds them, beforehand and at a cost that is not counted.
    """

    w: float = 1.0

    def guided(self, model: Denoiser, ratios: Callable[[Tensor, Tensor], Tensor]) -> Denoiser:
        def rectified(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            eps = (1 + self.w) * cond.eps - self.w * ratios(logsnr, label).to(z) * null.eps
            return from_space(cond, eps, "eps", z, logsnr)

        return rectified


@torch.no_grad()
def measure_ratios(
    model: Denoiser, levels: Sequence[float], classes: int, shape: Sequence[int], n: int = 16, device: str = "cpu"
) -> Callable[[Tensor, Tensor], Tensor]:
    """(logsnr, label) -> rho (b, *shape), measured on n conditional DDIM trajectories of each class; of the nearest level."""
    label = torch.arange(classes, device=device).repeat_interleave(n)
    z = SampleNoise(0, range(len(label)), shape, device, "ratios")()
    table = []
    for step, level in enumerate(levels):
        cond, null = branches(model, z, at(level, z), [label, None])
        product, square = ((eps * null.eps).view(classes, n, *shape).mean(1) for eps in (cond.eps, null.eps))
        table.append(product / square.clamp(min=1e-12))
        alpha, sigma = alpha_sigma_at(levels[min(step + 1, len(levels) - 1)])
        z = alpha * cond.x + sigma * cond.eps
    known_levels, ratios = torch.tensor(levels, device=device), torch.stack(table)
    return lambda logsnr, label: ratios[(logsnr[:, None].to(known_levels) - known_levels).abs().argmin(1), label]
