"""Stochastic self-guidance (S^2-Guidance). Chen et al., 2025, arXiv 2508.12880.

D = D_c + w (D_c - D_k) + w null (D_c - D_u),   D_k: blocks drawn at random, anew at every step, are left out
"""

from dataclasses import dataclass

from guidance.backbones.perturb import KeptBlocks, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.weak import WeakBranch, gaussian_vector


@dataclass(frozen=True)
class BlockDrop(WeakBranch, name="block-drop", roles=("model", "noise"), requires_model=("attention",)):
    """Extrapolates from sub-networks of the model, one drawn for each sample and step.

    share: of the blocks that are left out, rounded, at least one; the paper's is a tenth, together with classifier-free guidance.
    """

    w: float = 0.25
    share: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise ValueError(f"share must lie in (0, 1], not {self.share}")

    def guided(self, model: Denoiser, noise) -> Denoiser:
        blocks = size_of(model, "blocks")
        dropped = max(1, round(self.share * blocks))

        def without_blocks(z, logsnr, label):
            rank = gaussian_vector(noise, blocks).argsort(1).argsort(1)
            return Branch(label, perturbation=KeptBlocks(keep=rank >= dropped))

        return self.with_cfg(model, without_blocks)
