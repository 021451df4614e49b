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
from guidance.methods.strength import require_finite

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
class ClassifierGuidance:
    """Climbs the gradient of a noise-aware classifier, on top of the conditional model.

    w: strength, any finite number; 0 is the conditional model. On an unconditional model the same target needs w + 1.
    """

    w: float = 1.0
    name: ClassVar[str] = "classifier"
    roles: ClassVar[tuple[str, ...]] = ("model", "classifier")

    def __post_init__(self):
        require_finite(self.w)

    def __call__(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        """The guided denoiser of `model`; `classifier(z, logsnr)` gives logits (b, classes) of the noisy z."""
        if self.w == 0:
            return model

        def guided(z, logsnr, label):
            if label is None:
                raise ValueError("classifier guidance needs the label it steers to, not None")
            _, sigma = alpha_sigma(logsnr, z)
            shift = self.w * sigma * log_prob_gradient(classifier, z, logsnr, label)
            belief = model(z, logsnr, label)
            steered = from_eps(z, belief.eps - shift, logsnr)
            return belief._replace(x=steered.x, eps=steered.eps)

        return guided

    def nfe(self, steps: int) -> NFE:
        """Network function evaluations per sample of a sampler that asks `steps` times."""
        guided = 0 if self.w == 0 else steps
        return NFE(denoiser_forward=steps, classifier_forward=guided, classifier_backward=guided)
