"""Autoguidance. Karras et al., 2024, arXiv 2406.02507, eq. 3; with a share of the null label, as in appendix B.2.

D = D_c + w (D_c - D_bad),   D_bad = a D_weak,c + (1 - a) D_u

The weak network is a smaller one of the same data, less trained, evaluated with the same label. One made by degrading the main
network did not work in the paper (section 5.1); dropout and input noise helped only where the main network had the same fault.
"""

from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method


@dataclass(frozen=True)
class Autoguidance(
    Method, name="autoguidance", family="weak branch", roles=("model", "weak"), reduces_to_cfg={"share": 0.0}, direction="weak"
):
    """Extrapolates from a bad version of the model to the model: away from the errors that both make, in all classes alike.

    w: the paper's w is 1 + this: 2.1 for EDM2-S on ImageNet 512 (Table 1).
    share: a, the weak network's share of the guidance; 0 is classifier-free.
    """

    w: float = 1.1
    share: float = 1.0

    @property
    def nfe_per_call(self) -> NFE:
        """A forward of either network, and one with the null label unless the share is 1."""
        return NFE(denoiser_forward=1 + (self.share != 1), weak_forward=1)

    def guided(self, model: Denoiser, weak: Denoiser) -> Denoiser:
        def guided(z, logsnr, label):
            cond, *null = branches(model, z, logsnr, [label, *([] if self.share == 1 else [None])])
            bad = weak(z, logsnr, label)
            if null:
                bad = bad._replace(x=torch.lerp(null[0].x, bad.x, self.share), eps=torch.lerp(null[0].eps, bad.eps, self.share))
            return extrapolate(cond, bad, self.w)

        return guided
