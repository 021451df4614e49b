"""Half as many steps: a student does in one step of DDIM what its teacher does in two. Salimans & Ho, arXiv 2202.00512.

A round is a training like any other; its teacher, the round before it, is its parent (experiments.tasks.students names all).
"""

import math
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from experiments.fields import GridOf, Positive, WeightingOf
from experiments.graph.value import label as named
from experiments.graph.value import value
from experiments.objectives.batches import noisy_parts, to
from experiments.objectives.distilling import Distilling, Teacher
from experiments.worlds.world import Data, Labelled
from guidance.denoiser import Branch, Denoiser, branches
from guidance.diffusion import add_noise
from guidance.distillation import two_step_x
from guidance.grids import Nested
from guidance.samplers.ddim import DDIM
from guidance.stepped import SteppedDenoiser


@value
class ProgressiveDistillation(Distilling):
    """One round: a student of `steps` steps of a teacher of twice as many, on the levels of `grid` over the teacher's density.

    The teacher is a model of every lambda, or a student of the round before, conditioned on w or not; so is the student. It
    predicts what its teacher does, since it begins with the teacher's weights: v or x. A teacher of eps is refused: at the first
    of a few steps alpha is about 0, where x = (z - sigma eps) / alpha is the error of eps magnified, and no step puts it right
    (section 4 of the paper); as v its weights mean nothing.
    weighting: the paper's two are "truncated-snr", max(SNR, 1), and "v", SNR + 1.
    """

    name: ClassVar[str] = "progressive-distillation"
    teacher: Teacher
    steps: Annotated[int, Field(ge=2)]
    grid: GridOf = Nested()
    target: Literal["eps", "x", "v"] = "v"
    weighting: WeightingOf | None = None
    clip: Positive | None = 1.0
    p_uncond: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @property
    def strength_range(self) -> tuple[float, float] | None:
        return getattr(self.teacher.objective, "strength_range", None)

    @property
    def title(self) -> str:
        """Of the task, in progress bars and errors."""
        return f"{self.name} to {self.steps} steps"

    @property
    def levels(self) -> tuple[float, ...]:
        """The lambdas that the student is asked at, rising."""
        return tuple(self.grid(self.density, self.steps).tolist())

    def refuses(self, world: Any, network: Any) -> str | None:
        if why := super().refuses(world, network):
            return why
        theirs = self.teacher.objective
        if theirs.target == "eps":
            return "objective.teacher: it predicts eps, which says nothing of x in few steps: train it with target v or x"
        if theirs.target != self.target:
            return f"objective.teacher: it predicts {theirs.target}, and the student, which begins as it, {self.target}"
        if self.teacher.network != network:
            return "network: it is conditioned on a strength, and the teacher's is not, or the other way: they must be one"
        if getattr(network, "strength", False) and self.strength_range is None:
            return "objective.teacher: it is conditioned on a strength, and says nothing of which w that is and up to which"
        if (steps := getattr(theirs, "steps", 2 * self.steps)) != 2 * self.steps:
            return f"objective.teacher: it makes {steps} steps, and that of a student of {self.steps} makes {2 * self.steps}"
        if getattr(theirs, "grid", self.grid) != self.grid:
            return f"objective.teacher: its steps are on the grid {named(theirs.grid)}, and the student's on {named(self.grid)}"
        if self.p_uncond and theirs.p_uncond == 0:
            return "p_uncond: the teacher knows no null label: set p_uncond=0"
        finer = self.grid(self.density, 2 * self.steps).tolist()[::2]
        if not all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(finer, self.levels)):
            return f"grid: {named(self.grid)} of {2 * self.steps} levels skips those of {self.steps}: nested does not"
        return None

    def refuses_sampling(self, method: Any, sampler: Any, steps: int, grid: Any) -> str | None:
        if (sampler, steps, grid) != (DDIM(), self.steps, self.grid):
            own = f"ddim of {self.steps} steps on {named(self.grid)}"
            return f"the model was distilled to {own}, and cannot be sampled with {named(sampler)} of {steps} on {named(grid)}"
        return super().refuses_sampling(method, sampler, steps, grid)

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        return {role: SteppedDenoiser(**vars(super().play(role, module, world, rows)[role]), levels=self.levels)}

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, eps, label, level, w = self.noisy(images, world, size, g)
        step = (level * self.steps).long()
        start, middle, end = self._steps()[step].T
        return x, eps, start, middle, end, label, *(() if self.strength_range is None else (self._strength(w),))

    def losses_by(self, teacher: Denoiser, module: nn.Module, *rows: Tensor) -> Tensor:
        return self.weighted(self._error(teacher, module, *rows), rows[2])

    def metrics_by(self, teacher: Denoiser, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        """The error of x at each level of the student's, at its largest w."""
        found: dict[str, list[Tensor]] = {f"{level:.4g}": [] for level in self.levels}
        for x, eps, label in noisy_parts(data.test):
            for ends, errors in zip(self._steps(), found.values()):
                times = (each.expand(len(x)) for each in ends)
                w = () if self.strength_range is None else (self._strength(torch.ones(len(x))),)
                errors.append(self._error(teacher, module, *to(device, x, eps, *times, label, *w)))
        return {"x_error": {level: torch.cat(errors).mean().item() for level, errors in found.items()}}

    def _steps(self) -> Tensor:
        """Start, middle and end (steps, 3) of each step, in float32; the last one ends in clean data, at infinity."""
        levels = [*self.grid(self.density, 2 * self.steps).tolist(), math.inf]
        return torch.tensor([(start, middle, end) for (start, middle), end in zip(_pairs(levels), levels[2::2])])

    def _strength(self, share: Tensor) -> Tensor:
        low, high = self.strength_range or (0.0, 0.0)
        return low + (high - low) * share

    def _error(
        self,
        teacher: Denoiser,
        module: nn.Module,
        x: Tensor,
        eps: Tensor,
        start: Tensor,
        middle: Tensor,
        end: Tensor,
        label: Tensor,
        w: Tensor | None = None,
    ) -> Tensor:
        z = add_noise(x, eps, start)
        guided = self.clipped(teacher if w is None else at_strength(teacher, w))
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            wanted = two_step_x(guided, z, start, middle, end, label)
        return self.error(module, z, start, label, w, wanted)


def at_strength(teacher: Denoiser, w: Tensor) -> Denoiser:
    """The teacher, given each row's own w."""
    return lambda z, logsnr, label: branches(teacher, z, logsnr, [Branch(label, strength=w)])[0]


def _pairs(levels: list[float]) -> list[tuple[float, float]]:
    """The levels two by two."""
    return list(pairwise(levels))[:-1:2]
