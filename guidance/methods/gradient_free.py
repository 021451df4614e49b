"""Gradient-free classifier guidance (GFCG). Shenoy et al., 2024, arXiv 2411.15393.

D~ = D(z, r) + (1 + w k) (D(z, c) - D(z, r)),   r = argmax_{i != c} p(i | z),   k = 1 - p(c | z)

The model's prediction for the class that the classifier confuses c with replaces the unconditional one; the classifier
is evaluated without a gradient. From the abstract: reference class and scale follow the classifier at each step, the scale how
confused it is. The paper's formula of the scale could not be read: k is ours. It has a reason: for exact predictions of two
classes D(c) - D(null) = (1 - p(c | z)) (D(c) - D(r)), so that this is classifier-free guidance of the same w; for more classes it
is that with all rivals replaced by the strongest. Whether the paper's classifier sees z or the denoised image could not be read
either.
"""

from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.gradients import Classifier, require_label
from guidance.level import labels_within, require_labels
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class GradientFree(
    Method,
    name="gradient-free",
    family="gradient",
    roles=("model", "classifier"),
    nfe_per_call=NFE(denoiser_forward=2, classifier_forward=1),
):
    """Extrapolates from the prediction for each sample's most confusing class to that for its own.

    scale: "confusion": w (1 - p(c | z)) of each sample; "constant": w.
    """

    scale: str = "confusion"

    def __post_init__(self):
        super().__post_init__()
        if self.scale not in ("confusion", "constant"):
            raise ValueError(f"scale must be confusion or constant, not {self.scale!r}")

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        def guided(z, logsnr, label):
            with torch.no_grad():
                prob = classifier(z, logsnr).softmax(-1)
            require_labels(require_label(label, self.name), prob.shape[1])
            target = label[:, None]
            rival = labels_within(prob.scatter(-1, target, -1.0).argmax(-1), 0, prob.shape[1] - 1)
            cond, confused = branches(model, z, logsnr, [label, rival])
            confusion = 1 - prob.gather(-1, target)[:, 0] if self.scale == "confusion" else torch.ones_like(prob[:, 0])
            return extrapolate(cond, confused, like(self.w * confusion, z))

        return guided
