"""Self-attention guidance (SAG). Hong et al., 2022, arXiv 2210.00939, Algorithm 1.

eps~ = eps_c + w (eps_c - eps(z_b, c)),   z_b = alpha x_b + sigma eps_c,   x_b: x(z, c) blurred where the model attends most

z_b is z with the same noise and less detail. Where a token is attended to more than `threshold` times its fair share (the mean
over heads, the sum over queries), the image under it is blurred.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from guidance.backbones.perturb import Watched, blurred, size_of
from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, branches
from guidance.diffusion import alpha_sigma, from_eps
from guidance.methods.method import Method
from guidance.weak import chosen


@dataclass(frozen=True)
class SelfAttention(Method):
    """Extrapolates from what the model makes of z blurred in the places that matter to it.

    w: the paper's is 0.1 for the conditional ADM, 0.5 without a label. sigma: of the blur, in pixels (the paper's 3 is for 128
    pixels and more); layer: of attention, "middle" or an index; threshold: in fair shares.
    """

    w: float = 0.1
    sigma: float = 1.0
    layer: str = "middle"
    threshold: float = 1.0
    name: ClassVar[str] = "sag"
    family: ClassVar[str] = "weak branch"
    needs: ClassVar[tuple[str, ...]] = ("attention", "image")
    space: ClassVar[str] = "eps"
    price: ClassVar[NFE] = NFE(denoiser_forward=2)

    def __post_init__(self):
        super().__post_init__()
        if not self.sigma > 0:
            raise ValueError(f"sigma must be positive, not {self.sigma}")

    def guided(self, model: Denoiser) -> Denoiser:
        layers = chosen(self.layer, size_of(model, "attentions"))

        def guided(z, logsnr, label):
            watched = Watched(layers=layers)
            (cond,) = branches(model, z, logsnr, [Branch(label, altered=watched)])
            seen = torch.cat(watched.seen)[:, None]
            where = F.interpolate(seen, z.shape[2:], mode="nearest") > self.threshold
            alpha, sigma = alpha_sigma(logsnr, z)
            less = alpha * torch.where(where, blurred(cond.x, self.sigma), cond.x) + sigma * cond.eps
            weak = model(less, logsnr, label).eps
            made = from_eps(z, torch.lerp(weak, cond.eps, 1 + self.w), logsnr)
            return cond._replace(x=made.x, eps=made.eps)

        return guided
