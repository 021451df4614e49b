"""Perturbed attention guidance (PAG). Ahn et al., 2024, arXiv 2403.17377.

D = D_c + w (D_c - D_k),   D_k: in chosen layers the attention map is the identity
"""

from dataclasses import dataclass

from guidance.backbones.perturb import IdentityAttention, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch, parse_indices


@dataclass(frozen=True)
class PerturbedAttention(WeakBranch, name="pag", requires_model=("attention",)):
    """Extrapolates from the model whose tokens attend to themselves alone: away from samples without structure.

    w: the paper's is 3 for Stable Diffusion and for ADM. layers: of attention, "middle", "all" or indices such as "0,2", in
    the order that they come in; the paper takes the middle of Stable Diffusion's U-Net. STG-A (arXiv 2411.18664) is the same.
    """

    w: float = 3.0
    layers: str = "middle"

    def guided(self, model: Denoiser) -> Denoiser:
        perturbation = IdentityAttention(layers=parse_indices(self.layers, size_of(model, "attentions")))
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label, perturbation=perturbation))
