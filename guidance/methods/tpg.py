"""Token perturbation guidance (TPG). Rajabi et al., 2025, arXiv 2506.10036, and the authors' pipeline for SDXL.

D = D_c + w (D_c - D_k),   D_k: the tokens that enter chosen layers are shuffled, anew at every layer and step

A shuffle keeps the norm and all global statistics. It is not undone: what follows sees the tokens in their new places. In SDXL a
transformer's input goes around it unshuffled, and so it does around a U-Net's attention here; in a DiT it is the whole block's.
The authors have one permutation for a batch; here every sample has its own, so that a sample does not depend on its batch.
"""

from dataclasses import dataclass

import torch

from guidance.backbones.perturb import ShuffledTokens, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch, parse_indices


@dataclass(frozen=True)
class TokenPerturbation(WeakBranch, name="tpg", roles=("model", "noise"), requires_model=("attention", "image")):
    """Extrapolates from the model that has lost where its tokens are.

    w: the authors' for SDXL is 3; layers: of attention, "middle", "all" or indices ("0,2"); theirs are 18 on the way down. Each
    layer takes one draw of the role noise.
    """

    w: float = 3.0
    layers: str = "middle"

    def guided(self, model: Denoiser, noise) -> Denoiser:
        layers = parse_indices(self.layers, size_of(model, "attentions"))

        def shuffled(z, logsnr, label):
            numbers = torch.stack([noise().flatten(1) for _ in layers], 1)
            return Branch(label, perturbation=ShuffledTokens(layers=layers, numbers=numbers))

        return self.with_cfg(model, shuffled)
