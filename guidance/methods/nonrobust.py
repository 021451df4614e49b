"""A classifier that was never shown noise, steadied by averaging. Vaeth, Kumar, Paassen & Gregorova, 2025, arXiv 2507.00687.

eps~ = eps(z, c) - w sigma h,   h <- decay h + (1 - decay) g,   g = grad_z log p(c | x(z, c)),   h = 0 before the first call

The authors' code: the gradient goes through the denoiser, h has no correction for its start, and x is clipped to [-1, 1], which
is left out here. It shifts the mean of DDPM's step by w Sigma h; here h is added to the score, as in Algorithm 2 of classifier
guidance, for any sampler. The authors' model is unconditional.
"""

from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Clean, add_score, cross_entropy, gradient, gradient_through, require_label
from guidance.methods.method import Method


@dataclass(frozen=True)
class NonRobust(
    Method, name="nonrobust-classifier", family="gradient", roles=("model", "clean"), requires_model=("gradient", "state")
):
    """Climbs a clean classifier's log-probability at the model's own x, along the average of the gradients of a trajectory.

    decay: 0.9, or 0.99, are the authors', of a thousand steps; 0 is no average. debias: whether h is divided by 1 -
    decay^calls, as their code can. logit: climbs the logit alone, as their code does of more than two classes. through: whether
    the gradient goes through the denoiser; if not, that with respect to x stands for that with respect to z, and a backward
    pass is saved.
    """

    decay: float = 0.9
    debias: bool = False
    logit: bool = False
    through: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), not {self.decay}")

    @property
    def nfe_per_call(self) -> NFE:
        """A pass through the classifier, there and back, and through the denoiser, back if the gradient goes through it."""
        return NFE(denoiser_forward=1, denoiser_backward=int(self.through), classifier_forward=1, classifier_backward=1)

    def guided(self, model: Denoiser, clean: Clean) -> Denoiser:
        average, calls = None, 0

        def logit(x, label):
            return -clean(x).gather(-1, label[:, None])[:, 0]

        loss = logit if self.logit else cross_entropy(clean)

        def guided(z, logsnr, label):
            nonlocal average, calls
            label = require_label(label, self.name)
            if self.through:
                pred, _, slope = gradient_through(model, loss, z, logsnr, label)
            else:
                pred = model(z, logsnr, label)
                slope = gradient(loss, pred.x, label)
            before = torch.zeros_like(slope) if average is None else average
            average, calls = self.decay * before - (1 - self.decay) * slope, calls + 1
            steadied = average / (1 - self.decay**calls) if self.debias else average
            return add_score(pred, self.w * steadied, z, logsnr)

        return guided
