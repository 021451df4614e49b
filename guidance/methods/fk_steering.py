"""Feynman-Kac steering. Singhal et al., 2025, arXiv 2501.06848, section 3.2.

log W = sum over levels of log G,   log G = w (r' - r) ("diff"), w max r ("max"), w sum r ("add");   r = -loss(x(z, c))

The maximum and the sum run over the levels so far. At the last level G makes the sum of all log G equal w r there, whatever
went before, so that every potential is a proposal for the same target, p(x | c) exp(-w loss(x)). The authors' code differs in
two ways: for "max" and "add" its last G has the maximum or the sum, and where it resamples by effective sample size, weights
that did not lead to resampling are forgotten. Here they are kept. Nothing is steered but by selection: particles are the rows
of one label, resampled systematically where their effective sample size falls, and always at the last call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Loss
from guidance.level import ROUNDING, level_of
from guidance.methods.method import Method
from guidance.particles import require_threshold, resampled, select_particles


@dataclass(frozen=True)
class FKSteering(
    Method,
    name="fk-steering",
    family="with the sampler",
    roles=("model", "loss", "levels", "noise"),
    requires_model=("state", "particles"),
    requires_sampler=("moved_z", "single_call", "step_noise"),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1),  # where the loss is evaluated: see nfe
    decides_by_value="a set of particles is resampled where its effective sample size is small",
):
    """Samples the conditional model and multiplies the particles whose x has a small loss.

    w: the authors' lambda. potential: "diff", "max" or "add". evaluations: at so many of the grid's levels, even in their order
    and the last among them, the loss is evaluated (5 of the authors' 100 steps; "max" and "add" grow with their number).
    threshold: of resampling, a share of the set's size.
    """

    w: float = 1.0
    potential: str = "max"
    evaluations: int = 5
    threshold: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        require_threshold(self.threshold)
        if self.potential not in ("diff", "max", "add"):
            raise ValueError(f"potential must be diff, max or add, not {self.potential!r}")
        if self.evaluations < 1:
            raise ValueError(f"evaluations must be 1 or more, not {self.evaluations}")

    def loss_levels(self, levels: Sequence[float]) -> list[float]:
        """The levels at which the loss is evaluated, the last one always."""
        count = min(self.evaluations, len(levels))
        return sorted(levels)[::-1][:: -(-len(levels) // count)][::-1]

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """One forward per level, and one of the loss where it is evaluated."""
        evaluated = sum(self.acts(level) for level in self.loss_levels(logsnrs))
        return NFE(denoiser_forward=len(logsnrs), classifier_forward=evaluated)

    def guided(self, model: Denoiser, loss: Loss, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        evaluated_at = self.loss_levels(levels)
        state = None  # of each particle: the weight since the last resampling, the sum of log G, the maximum or sum of rewards

        def steered(z, logsnr, label):
            nonlocal state
            pred, current = model(z, logsnr, label), level_of(logsnr)
            if not any(abs(current - level) < ROUNDING for level in evaluated_at):
                return pred
            reward, final = -loss(pred.x, label), current > evaluated_at[-1] - ROUNDING
            weights, log_g_before, statistic = state or (torch.zeros_like(reward), torch.zeros_like(reward), None)
            if self.potential == "max":
                statistic = reward if statistic is None else torch.maximum(statistic, reward)
            elif self.potential == "add":
                statistic = reward if statistic is None else statistic + reward
            log_g_sum = self.w * reward if final or statistic is None else log_g_before + self.w * statistic
            index, weights = resampled(weights + log_g_sum - log_g_before, label, noise(), 2.0 if final else self.threshold)
            state = weights, log_g_sum[index], None if statistic is None else statistic[index]
            return select_particles(pred, z, index)

        return steered
