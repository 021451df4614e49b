"""Self-attention guidance (SAG). Hong et al., 2022, arXiv 2210.00939, Algorithm 1.

eps~ = eps_c + w (eps_c - eps(z_b, c)),   z_b = alpha x_b + sigma eps_c,   x_b: x(z, c) blurred where the model attends most

z_b is z with the same noise and less detail. Where a token is attended to more than `threshold` times its fair share (the mean
over heads, the sum over queries), the image under it is blurred.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from guidance.backbones.perturb import RecordedAttention, blurred, size_of
from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, branches
from guidance.diffusion import alpha_sigma
from guidance.methods.method import Method
from guidance.spaces import from_space
from guidance.weak import parse_indices


@dataclass(frozen=True)
class SelfAttention(
    Method,
    name="sag",
    family="weak branch",
    requires_model=("attention", "image"),
    space="eps",
    nfe_per_call=NFE(denoiser_forward=2),
    direction="weak",
):
    """Extrapolates from the model's prediction at a z that is blurred where the model attends most.

    w: the paper's is 0.1 for the conditional ADM, 0.5 without a label. sigma: of the blur, in pixels (the paper's 3 is for 128
    pixels and more); layer: of attention, "middle" or an index; threshold: in fair shares.
    """

    w: float = 0.1
    sigma: float = 1.0
    layer: str = "middle"
    threshold: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not self.sigma > 0:
            raise ValueError(f"sigma must be positive, not {self.sigma}")
        if self.layer != "middle" and not self.layer.isdecimal():
            raise ValueError(f'layer must be "middle" or one index, not {self.layer!r}: one map of attention says what to blur')

    def guided(self, model: Denoiser) -> Denoiser:
        layers = parse_indices(self.layer, size_of(model, "attentions"))

        def guided(z, logsnr, label):
            recorded = RecordedAttention(layers=layers)
            (cond,) = branches(model, z, logsnr, [Branch(label, perturbation=recorded)])
            attention = torch.cat(recorded.attention)[:, None]
            salient = F.interpolate(attention, z.shape[2:], mode="nearest") > self.threshold
            alpha, sigma = alpha_sigma(logsnr, z)
            blurred_z = alpha * torch.where(salient, blurred(cond.x, self.sigma), cond.x) + sigma * cond.eps
            weak = model(blurred_z, logsnr, label).eps
            return from_space(cond, torch.lerp(weak, cond.eps, 1 + self.w), "eps", z, logsnr)

        return guided
