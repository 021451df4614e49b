"""Feynman-Kac correctors (FKC) for classifier-free guidance. Skreta et al., 2025, arXiv 2503.02819, Proposition 3.

d log W / d lambda = (1/2) w (1 + w) ||eps(z, c) - eps(z)||^2,   z moving as with eps~ = (1 + w) eps(z, c) - w eps(z)

With these weights the particles represent p(z | c)^(1 + w) p(z)^(-w) at every lambda; guidance alone does so only at the first.
In the paper's time, with beta = 1 + w, the rate is (1/2) g^2 beta (beta - 1) ||s_c - s_u||^2. It does not depend on how much
noise the sampler adds, but there must be some, or copies of a particle would stay equal.
The rate is integrated between calls by the trapezoidal rule. Rows with the same label are one set of particles. A set is
resampled when its effective sample size falls below `threshold` of its size, and always at the last call, so that the samples
have equal weight; many samples of a label need a large batch. -1 < w < 0 works too: the target lies between the two densities.
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
    decides_by_value="a set of particles is resampled where its effective sample size is small",
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
        log_weights = previous_logsnr = previous_rate = None

        def weighed(z, logsnr, label):
            nonlocal log_weights, previous_logsnr, previous_rate
            cond, null = branches(model, z, logsnr, [label, None])
            rate = self.w * (1 + self.w) / 2 * ((cond.eps - null.eps) ** 2).flatten(1).sum(1)  # d log W / d lambda
            if log_weights is None:
                log_weights = torch.zeros_like(rate)
            else:
                log_weights = log_weights + (rate + previous_rate) / 2 * (logsnr - previous_logsnr)
            threshold = 2.0 if next_level(logsnr, levels) is None else self.threshold  # above 1: always resampled
            index, log_weights = resampled(log_weights, label, noise(), threshold)
            previous_logsnr, previous_rate = logsnr, rate[index]
            return select_particles(extrapolate(cond, null, self.w), z, index)

        return weighed
