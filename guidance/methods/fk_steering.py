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
from typing import ClassVar

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Loss
from guidance.methods.method import Method
from guidance.particles import require_threshold, resampled, taking
from guidance.recurrence import ROUNDING


@dataclass(frozen=True)
class FKSteering(Method):
    """Samples the conditional model and multiplies the particles whose x a loss likes.

    w: the authors' lambda. potential: "diff", "max" or "add". evaluations: at so many of the grid's levels, even in their order
    and the last among them, the loss is asked (5 of the authors' 100 steps; "max" and "add" grow with their number). threshold:
    of resampling, a share of the set's size.
    """

    w: float = 1.0
    potential: str = "max"
    evaluations: int = 5
    threshold: float = 0.5
    name: ClassVar[str] = "fk-steering"
    family: ClassVar[str] = "with the sampler"
    roles: ClassVar[tuple[str, ...]] = ("model", "loss", "levels", "noise")
    needs: ClassVar[tuple[str, ...]] = ("state", "particles")
    asks: ClassVar[tuple[str, ...]] = ("z", "single", "noise")
    price: ClassVar[NFE] = NFE(denoiser_forward=1, classifier_forward=1)  # where the loss is asked: see nfe

    def __post_init__(self):
        super().__post_init__()
        require_threshold(self.threshold)
        if self.potential not in ("diff", "max", "add"):
            raise ValueError(f"potential must be diff, max or add, not {self.potential!r}")
        if self.evaluations < 1:
            raise ValueError(f"evaluations must be 1 or more, not {self.evaluations}")

    def weighing(self, levels: Sequence[float]) -> list[float]:
        """The levels at which the loss is asked, the last one always."""
        count = min(self.evaluations, len(levels))
        return sorted(levels)[::-1][:: -(-len(levels) // count)][::-1]

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """One forward a level, and one of the loss where it is asked."""
        asked = sum(self.acts(level) for level in self.weighing(logsnrs))
        return NFE(denoiser_forward=len(logsnrs), classifier_forward=asked)

    def guided(self, model: Denoiser, loss: Loss, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        where = self.weighing(levels)
        state = None  # the weights since the last resampling, and of each particle the sum of log G, of which, and the rewards'

        def steered(z, logsnr, label):
            nonlocal state
            belief, here = model(z, logsnr, label), logsnr[0].item()
            if not any(abs(here - level) < ROUNDING for level in where):
                return belief
            reward, final = -loss(belief.x, label), here > where[-1] - ROUNDING
            weights, total, kept = state or (torch.zeros_like(reward), torch.zeros_like(reward), None)
            if self.potential == "max":
                kept = reward if kept is None else torch.maximum(kept, reward)
            elif self.potential == "add":
                kept = reward if kept is None else kept + reward
            reached = self.w * reward if final or kept is None else total + self.w * kept
            index, weights = resampled(weights + reached - total, label, noise(), 2.0 if final else self.threshold)
            state = weights, reached[index], None if kept is None else kept[index]
            return taking(belief, z, index)

        return steered
