"""Feynman-Kac correctors (FKC) for classifier-free guidance. Skreta et al., 2025, arXiv 2503.02819, Proposition 3.

d log W = (1/2) w (1 + w) ||eps(z, c) - eps(z)||^2 d lambda,   z moving as with eps~ = (1 + w) eps(z, c) - w eps(z)

So weighed, the particles are of p(z | c)^(1 + w) p(z)^(-w) at every lambda, which guidance alone does not reach at any but the
first. In the paper's time that is (1/2) g^2 w (1 + w) ||s_c - s_u||^2 dt; by the Fokker-Planck equation of log p it is minus
half g^2 times the variance of the scores under the weights 1 + w and -w, whatever share of noise the sampler adds (it must add
some: copies of one particle would never part). The integral from call to call is a trapezium. The rows of one label are one set
of particles, resampled where their effective sample size falls, and always at the last call, so that what comes out has equal
weights: to hold many samples of a label, a batch must be large. Rows move within their label. -1 < w < 0 is right too, between
the two densities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.particles import require_threshold, resampled, select_particles
from guidance.recurrence import next_level


@dataclass(frozen=True)
class FeynmanKac(
    Method,
    name="fkc",
    family="with the sampler",
    roles=("model", "levels", "noise"),
    requires_model=("null", "state", "particles"),
    requires_sampler=("moved_z", "single_call", "step_noise"),
    nfe_per_call=NFE(denoiser_forward=2),
):
    """Classifier-free guidance whose samples are weighed and resampled until their density is the tilted one.

    threshold: a set is resampled where its effective sample size is below this share of it (0: at the last call alone).
    """

    w: float = 1.0
    threshold: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        require_threshold(self.threshold)

    def guided(self, model: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        weights = previous = None  # of each particle; lambda and the rate there at the call before

        def weighed(z, logsnr, label):
            nonlocal weights, previous
            cond, null = branches(model, z, logsnr, [label, None])
            rate = self.w * (1 + self.w) / 2 * ((cond.eps - null.eps) ** 2).flatten(1).sum(1)
            weights = torch.zeros_like(rate) if previous is None else weights + (rate + previous[1]) / 2 * (logsnr - previous[0])
            threshold = 2.0 if next_level(logsnr, levels) is None else self.threshold
            index, weights = resampled(weights, label, noise(), threshold)
            previous = logsnr, rate[index]
            return select_particles(extrapolate(cond, null, self.w), z, index)

        return weighed
