"""Gradient-free classifier guidance (GFCG). Shenoy et al., 2024, arXiv 2411.15393.

D~ = D(z, r) + (1 + w k) (D(z, c) - D(z, r)),   r = argmax_{i != c} p(i | z),   k = 1 - p(c | z)

The model's prediction for the class that the classifier confuses c with takes the place of the unconditional one; the classifier
is only asked. From the abstract: reference class and scale follow the classifier at each step, the scale how confused it is. The
paper's formula of the scale could not be read: k is ours. It has a reason: for exact beliefs of two classes D(c) - D(null) =
(1 - p(c | z)) (D(c) - D(r)), so that this is classifier-free guidance of the same w; for more classes it is that with all
rivals replaced by the strongest. Whether the paper's classifier sees z or the denoised image could not be read either.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.gradients import Classifier, require_label
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class GradientFree(Method):
    """Extrapolates from the prediction for each sample's most confusing class to that for its own.

    scale: "confusion": w (1 - p(c | z)) of each sample; "constant": w.
    """

    scale: str = "confusion"
    name: ClassVar[str] = "gradient-free"
    family: ClassVar[str] = "gradient"
    roles: ClassVar[tuple[str, ...]] = ("model", "classifier")
    price: ClassVar[NFE] = NFE(denoiser_forward=2, classifier_forward=1)

    def __post_init__(self):
        super().__post_init__()
        if self.scale not in ("confusion", "constant"):
            raise ValueError(f"scale must be confusion or constant, not {self.scale!r}")

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        def guided(z, logsnr, label):
            with torch.no_grad():
                share = classifier(z, logsnr).softmax(-1)
            own = require_label(label, self.name)[:, None]
            rival = share.scatter(-1, own, -1.0).argmax(-1)
            cond, other = branches(model, z, logsnr, [label, rival])
            doubt = 1 - share.gather(-1, own)[:, 0] if self.scale == "confusion" else torch.ones_like(share[:, 0])
            return extrapolate(cond, other, like(self.w * doubt, z))

        return guided
