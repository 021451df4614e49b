"""Entropy rectifying guidance (ERG), of the image. Berrada Ifriqi et al., 2025, arXiv 2504.13987, Algorithm 2 with K = 1.

D = D_c + w (D_c - D_k),   D_k: in chosen layers attention is softmax(tau q k^T / sqrt(d)) v

The paper takes attention for a step of gradient descent of an energy, with a temperature and further parameters of the step
(alpha, gamma, K), all 1 by default; tau below 1 flattens the map. What weakens a text encoder (C-ERG) has no like for class
labels. Read in a public digest of Algorithm 2 and in a public text-to-audio model that uses it (queries times 0.01 in a few
layers); the paper's own tables of tau and layers, and the noise level from which it is on, were not at hand.
"""

import math
from dataclasses import dataclass

from guidance.backbones.perturb import TemperedAttention, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch, parse_indices


@dataclass(frozen=True)
class EntropyRectifying(WeakBranch, name="erg", requires_model=("attention",)):
    """Extrapolates from the model whose attention is of another temperature.

    temperature: tau, 1 is the model itself, 0 attends to all tokens alike; layers: "middle", "all" or indices ("0,2"). The paper
    switches it on from a noise level on: logsnr_min. Its D_k takes the place of the null prediction: its w is 1 + this.
    """

    w: float = 3.0
    temperature: float = 0.01
    layers: str = "middle"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be finite and not negative, not {self.temperature}")

    def guided(self, model: Denoiser) -> Denoiser:
        layers = parse_indices(self.layers, size_of(model, "attentions"))
        perturbation = TemperedAttention(layers=layers, temperature=self.temperature)
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label, perturbation=perturbation))
