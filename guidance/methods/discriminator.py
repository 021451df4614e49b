"""Discriminator guidance. Kim et al., 2022, arXiv 2211.17091, the authors' code.

eps~ = eps(z, c) - w sigma grad_z log[ d / (1 - d) ],   d(z, c) the probability that z comes of data and not of the model

The ideal discriminator's log-odds are log p(z | c) / q(z | c): w = 1 mends the model's score exactly, and is the paper's weight
for conditional models (2 for unconditional ones). With Heun's method the authors guide the first call of a step and not the
second; here both, the sampler knowing nothing. They clip d to [1e-5, 1 - 1e-5], so that a certain discriminator has no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import add_score, require_label, with_gradients
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class Discriminator(
    Method,
    name="discriminator",
    family="gradient",
    roles=("model", "discriminator"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
    direction="weak",
):
    """Climbs the log-odds of a discriminator between noised data and noised samples of the model.

    boost: the gradient of samples that look made (log-odds below 0) is multiplied by it; 1 is off, the authors' boosting is 2
    in every second step. logsnr_max: 6.2 is the authors' time of 0.01 of the linear schedule; nearer the data nothing is guided.
    """

    logsnr_max: float | None = 6.2
    boost: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not self.boost >= 1:
            raise ValueError(f"boost must be 1 or more, not {self.boost}")

    def guided(self, model: Denoiser, discriminator: Callable[..., Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            with with_gradients(z, logsnr, require_label(label, self.name)) as (leaf, *condition):
                odds = discriminator(leaf, *condition)
                grad_log_p = torch.autograd.grad(odds.sum(), leaf)[0]
            strength = self.w * torch.where(odds.detach() < 0, self.boost, 1.0)
            return add_score(model(z, logsnr, label), like(strength, z) * grad_log_p, z, logsnr)

        return guided
