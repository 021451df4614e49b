"""Skip-layer guidance (SLG). Stability AI, 2024, in Stable Diffusion 3.5; as STG, Hyung et al., 2024, arXiv 2411.18664.

D = D_c + w (D_c - D_k),   D_k: chosen blocks are left out, what their skip connection lets through goes on

STG guides whole trajectories with it (its form STG-R; STG-A is PAG), Stable Diffusion 3.5 the part from 1 to 20 % of its
steps, which is taken as progress (guidance.scale) here.
"""

from dataclasses import dataclass

from guidance.backbones.perturb import Perturbation, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.scale import logsnr_at
from guidance.weak import WeakBranch, parse_indices


@dataclass(frozen=True)
class SkipLayer(WeakBranch, name="skip-layer", requires_model=("attention",)):
    """Extrapolates from the model without some of its blocks.

    w: Stable Diffusion 3.5's; STG's is 1. blocks: "middle", or indices such as "7,8,9" in the order that they come in.
    """

    w: float = 2.8
    logsnr_min: float | None = logsnr_at(0.01)
    logsnr_max: float | None = logsnr_at(0.2)
    blocks: str = "middle"

    def guided(self, model: Denoiser) -> Denoiser:
        perturbation = Perturbation(skipped=parse_indices(self.blocks, size_of(model, "blocks")))
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label, perturbation=perturbation))
