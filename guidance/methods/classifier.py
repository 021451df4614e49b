"""Classifier guidance as a shift of eps. Dhariwal & Nichol, 2021, arXiv 2105.05233, Algorithm 2.

eps~ = eps(z, c) - w sigma grad_z log p(c | z)      (Ho & Salimans, arXiv 2207.12598, section 3.1)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma, from_eps
from guidance.methods.method import Method

Classifier = Callable[[Tensor, Tensor], Tensor]  # (z, logsnr) -> logits (b, classes)


def log_prob_gradient(
    classifier: Classifier, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """grad_z log p(label | z) per sample: rows of a batch do not meet in a classifier, so one backward serves all."""
    with torch.inference_mode(False), torch.enable_grad():
        z, logsnr, label = z.clone().detach().requires_grad_(), logsnr.clone(), label.clone()  # inference tensors too
        log_prob = classifier(z, logsnr).log_softmax(-1).gather(-1, label[:, None])
        return torch.autograd.grad(log_prob.sum(), z)[0]


@dataclass(frozen=True)
class ClassifierGuidance(Method):
    """Climbs the gradient of a noise-aware classifier, on top of the conditional model.

    w: on an unconditional model the same target needs w + 1.
    """

    name: ClassVar[str] = "classifier"
    family: ClassVar[str] = "gradient"
    roles: ClassVar[tuple[str, ...]] = ("model", "classifier")
    needs: ClassVar[tuple[str, ...]] = ("gradient",)
    price: ClassVar[NFE] = NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1)

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        def guided(z, logsnr, label):
            if label is None:
                raise ValueError("classifier guidance needs the label it steers to, not None")
            _, sigma = alpha_sigma(logsnr, z)
            shift = self.w * sigma * log_prob_gradient(classifier, z, logsnr, label)
            belief = model(z, logsnr, label)
            steered = from_eps(z, belief.eps - shift, logsnr)
            return belief._replace(x=steered.x, eps=steered.eps)

        return guided
