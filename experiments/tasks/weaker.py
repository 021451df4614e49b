"""Weak models for autoguidance that a study names in one line, beside a snapshot (Karras et al., arXiv 2406.02507, section 5).

`weak=Snapshot(step=250)`   the model earlier in its training
`weak=PostHoc(sigma_rel=0.2)`   its weights averaged over longer, rebuilt after training (experiments.tasks.power_ema)
`weak=Smaller(width=12, steps=500)`   a network of less width, trained for fewer steps
"""

from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

from pydantic import model_validator

from experiments.fields import Count
from experiments.graph.value import value
from experiments.tasks.power_ema import Averages, SigmaRel, average_file, coefficients, misfit
from experiments.tasks.snapshot import OfTraining
from experiments.tasks.train import Train

WORST = 0.2  # misfit of a profile that still is one of the length asked for


@value
class PostHoc(OfTraining):
    """The average of a training's weights of length sigma_rel after `step` steps (None: all), from those of its fit.averages.

    How near it comes: experiments.tasks.power_ema.misfit, 1 % to 8 % of its profile for sigma_rel of 0.15 to 0.25 from 0.05 and
    0.1 kept 17 times, and at 0.02 8 %; those that were tracked are rebuilt exactly. ValueError above WORST.
    """

    name: ClassVar[str] = "post-hoc"
    training: Train | None = None
    sigma_rel: SigmaRel
    step: Count | None = None

    @model_validator(mode="after")
    def can_be_rebuilt(self) -> "PostHoc":
        if self.training is None:
            return self
        kept = self.training.fit.averages
        if kept is None:
            raise ValueError("training: it keeps no averages to rebuild others from: set fit.averages")
        marks = sorted({step for _, step in kept.kept(self.training.fit.steps)})
        if self.step not in (None, *marks):  # what happened after the last that was kept is in none of them
            raise ValueError(f"step: no average was kept after {self.step} steps, but every {kept.every}, and after {marks[-1]}")
        if (off := _off(kept, self.training.fit.steps, self.sigma_rel, self.step or marks[-1])) > WORST:
            raise ValueError(
                f"sigma_rel: {self.sigma_rel:g} is rebuilt from averages of every {kept.every} steps with a misfit of {off:.2f}, "
                f"above {WORST:g}: keep them more often (fit.averages.every)"
            )
        return self

    @property
    def files(self) -> dict[str, float]:
        fit = self._training.fit
        assert fit.averages is not None
        kept = fit.averages.kept(fit.steps)
        shares = coefficients(kept, self.sigma_rel, self.step or fit.steps)
        return {average_file(*one): float(share) for one, share in zip(kept, shares) if share}


@value
class Smaller:
    """The study's model with a network of another width, trained for `steps` steps (None: as many), from random weights."""

    name: ClassVar[str] = "smaller"
    width: Count
    steps: Count | None = None

    def of_model(self, model: Any) -> Train:
        """The training that it stands for. ValueError where the model is no training, or its network has no width."""
        if not isinstance(model, Train):
            raise ValueError("a smaller network is trained as the study's model is, which is no training of ours")
        if not hasattr(model.network, "width"):
            raise ValueError(f"width: the model's network, {model.network.name}, has none")
        fit = replace(model.fit, steps=self.steps or model.fit.steps, snapshots=(), averages=None)
        return replace(model, network=replace(model.network, width=self.width), fit=fit, begin=None)

    def play(self, role: str, given: dict[str, Any], store: Any, device: str, rows: int | None = None) -> dict[str, Any]:
        raise ValueError("a smaller network is one of a study, whose model it is smaller than: give a training")


@cache  # values are made again and again, and the least squares are of as many rows as a training has steps
def _off(averages: Averages, steps: int, sigma: float, step: int) -> float:
    return misfit(averages.kept(steps), sigma, step)
