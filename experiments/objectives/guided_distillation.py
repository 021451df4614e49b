"""Guidance in one evaluation: a student of w learns the guided field of its teacher. Meng et al., arXiv 2210.03142."""

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from experiments.fields import Positive, WeightingOf
from experiments.graph.value import value
from experiments.objectives.batches import by_level
from experiments.objectives.distilling import Distilling, Teacher
from experiments.worlds.world import Data, Labelled
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, add_noise
from guidance.distillation import guided_x


@value
class GuidedDistillation(Distilling):
    """Stage one: x of the student at (z, lambda, c, w) is that of D_c + w (D_c - D_u), w uniform in [0, high].

    Lambda and images are drawn as the teacher's were. At w = 0, and without a w, the student is the plain conditional model.
    """

    name: ClassVar[str] = "guided-distillation"
    teacher: Teacher
    high: Positive = 4.0
    target: Literal["eps", "x", "v"] = "v"
    weighting: WeightingOf | None = None
    clip: Positive | None = 1.0
    p_uncond: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @property
    def strength_range(self) -> tuple[float, float]:
        return 0.0, self.high

    def refuses(self, world: Any, network: Any) -> str | None:
        if why := super().refuses(world, network):
            return why
        if not getattr(network, "strength", False):
            return "network: a student of guidance is conditioned on w: set network.strength=true"
        if hasattr(self.teacher.objective, "steps"):
            return "objective.teacher: it knows the levels of its own few steps alone: take the model that it was distilled from"
        if (dropped := getattr(self.teacher.objective, "p_uncond", 0.5)) in (0, 1):
            missing = "no null label" if dropped == 0 else "no label but the null one"
            return f"objective.teacher: it knows {missing}, so that it cannot be guided"
        return None

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, eps, label, level, w = self.noisy(images, world, size, g)
        return x, eps, self.density(level), label, self.high * w

    def losses_by(self, teacher: Denoiser, module: nn.Module, *rows: Tensor) -> Tensor:
        return self.weighted(self._error(teacher, module, *rows), rows[2])

    def metrics_by(self, teacher: Denoiser, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        def at(w: float) -> dict[str, float]:
            return by_level(data.test, device, lambda *rows: self._error(teacher, module, *rows, torch.full_like(rows[2], w)))

        return {f"x_error_w{w:g}": at(w) for w in (0.0, self.high)}

    def _error(
        self, teacher: Denoiser, module: nn.Module, x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor, w: Tensor
    ) -> Tensor:
        z = add_noise(x, eps, logsnr)
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            wanted = self.clipped(lambda z, logsnr, label: Prediction(x := guided_x(teacher, z, logsnr, label, w), x))
            found = wanted(z, logsnr, label).x
        return self.error(module, z, logsnr, label, w, found)
