"""Smoothed energy guidance (SEG). Hong, 2024, arXiv 2408.00760.

D = D_c + w (D_c - D_k),   D_k: in chosen layers of attention the queries are blurred over the image by a Gaussian

The blur flattens the energy whose gradient step attention is. An infinite one makes every query the mean of all.
"""

import math
from dataclasses import dataclass

from guidance.backbones.perturb import BlurredQueries, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch, parse_indices


@dataclass(frozen=True)
class SmoothedEnergy(WeakBranch, name="seg", requires_model=("attention",)):
    """Extrapolates from the model whose attention looks at everything in much the same way.

    sigma: of the blur, in tokens; None is infinite, one of the paper's defaults (the other is 10). layers: "middle", "all" or
    indices ("0,2").
    """

    w: float = 3.0
    sigma: float | None = None
    layers: str = "middle"

    def __post_init__(self):
        super().__post_init__()
        if self.sigma is not None and not self.sigma > 0:
            raise ValueError(f"sigma must be positive, or None for an infinite one, not {self.sigma}")

    def guided(self, model: Denoiser) -> Denoiser:
        sigma = math.inf if self.sigma is None else self.sigma
        perturbation = BlurredQueries(layers=parse_indices(self.layers, size_of(model, "attentions")), sigma=sigma)
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label, perturbation=perturbation))
