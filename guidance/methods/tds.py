"""Twisted diffusion sampler (TDS). Wu et al., 2023, arXiv 2306.17775, Algorithm 1.

z' ~ N(m + s^2 g, s^2),   log W += L(z') - L(z) + log N(z'; m, s^2) - log N(z'; m + s^2 g, s^2);   g = grad L

L(z) = -w loss(x(z, c)), through the model; m and s are the mean and the standard deviation that the sampler would draw the step
with, and reports (on_transition). Guidance by L alone is not right where x(z, c) is not the data: the weights make up for that,
and the particles tend to p(x | c) exp(-w loss(x)) as their number grows, for any grid. Particles are the rows of one label,
resampled systematically and, as in the authors' code for images, at every call; always at the last. Give it a `logsnr_min` with a
model of eps: at lambda = -20 x(z, c) is 22,000 times the network's error, its gradient as large, and no step survives it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Loss, gradient_through
from guidance.methods.method import Method
from guidance.particles import require_threshold, resampled, select_particles
from guidance.recurrence import next_level


@dataclass(frozen=True)
class TwistedDiffusion(
    Method,
    name="tds",
    family="with the sampler",
    roles=("model", "loss", "levels", "noise"),
    requires_model=("gradient", "state", "particles"),
    requires_sampler=("mean_shift", "moved_z", "single_call", "transition"),
    nfe_per_call=NFE(denoiser_forward=1, denoiser_backward=1, classifier_forward=1, classifier_backward=1),
    decides_by_value="a set of particles is resampled where its effective sample size is small",
):
    """Shifts the steps of the conditional model down the gradient of a loss, and weighs the particles to make that exact.

    w: multiplies the loss, which is -log p(y | x) in the paper. threshold: a set is resampled where its effective sample size is
    below this share of it.
    """

    w: float = 1.0
    threshold: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require_threshold(self.threshold)

    def guided(self, model: Denoiser, loss: Loss, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        weights: Any = None  # of each particle
        last_log_twist: Any = None
        proposal: Any = None  # of the last step: a dictionary, once there was one

        def record(mean: Tensor, variance: Tensor | float) -> None:
            proposal["mean"], proposal["variance"] = mean, variance

        def twisted(z, logsnr, label):
            nonlocal weights, last_log_twist, proposal
            pred, value, grad = gradient_through(model, loss, z, logsnr, label)
            if proposal is not None and "mean" not in proposal:
                raise ValueError(f"{self.name}: the sampler has not reported the Gaussian that it drew this z from")
            log_twist = -self.w * value
            weights = log_twist if proposal is None else weights + log_twist - last_log_twist + log_proposal_ratio(z, **proposal)
            index, weights = resampled(weights, label, noise(), 2.0 if next_level(logsnr, levels) is None else self.threshold)
            pred, last_log_twist = select_particles(pred.with_control(mean_shift=-self.w * grad), z, index), log_twist[index]
            proposal = {"shift": pred.control.mean_shift, "scale": pred.control.noise_scale}
            return pred.with_control(on_transition=record)

        return twisted


def log_proposal_ratio(z: Tensor, mean: Tensor, variance: Tensor | float, shift: Tensor, scale: float) -> Tensor:
    """log N(z; m, s^2) - log N(z; m + d, s^2), d the variance times the shift and s^2 the variance times scale^2, of each row."""
    offset = variance * shift
    return (-(2 * (z - mean - offset) + offset) * offset / (2 * scale**2 * variance)).flatten(1).sum(1)
