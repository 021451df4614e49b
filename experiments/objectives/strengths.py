"""What objectives share whose network learns guidance itself, conditioned on a strength or not."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from experiments.fields import DensityOf, WeightingOf
from experiments.graph.value import value
from experiments.networks import require
from experiments.objectives.batches import ByRows, by_level
from experiments.objectives.internal_heads import require_no_internal_head
from experiments.worlds.world import Data
from guidance import adapters
from guidance.denoiser import NetworkDenoiser
from guidance.objective import denoising_loss, eps_loss
from guidance.schedules import CosineLogSNR
from guidance.strengths import Strengths, takes_strength
from guidance.trained_strength import untrained
from guidance.weightings import Simple


@value
class LearnsGuidance(ByRows):
    """The fields of the objective denoising that keep their meaning: the share of labels dropped, the density of lambda, what the
    network predicts, the weighting. A guided prediction is the same combination of predictions in each of them.
    """

    meaning: ClassVar[tuple[str, ...]] = ("target",)  # fields that say what weights mean
    p_uncond: Annotated[float, Field(gt=0, lt=1)] = 0.1
    density: DensityOf = CosineLogSNR()
    target: Literal["eps", "x", "v"] = "eps"
    weighting: WeightingOf = Simple()

    def build(self, network: Any, world: Any) -> nn.Module:
        module = require(network, "denoiser")(world, world.classes, False)
        adapters.logsnr(module)
        require_no_internal_head(module, self.name)
        return module

    def strengths(self) -> Strengths:
        """Those that a network which is conditioned on one is trained at."""
        raise NotImplementedError

    def refuses_sampling(self, method: Any, sampler: Any, steps: int, grid: Any) -> str | None:
        """Why the network cannot be sampled like this, in one line: a w beyond those of its training; None if it can."""
        if method.name != self.name or method.w in (0, -1):
            return None
        return untrained(self.strengths(), method, method.strength)

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        """The errors at the neutral strength, which is that of the plain conditional model."""

        def null_loss(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            return eps_loss(module, x, eps, logsnr, torch.full_like(label, world.classes), self.target)

        conditional = by_level(data.test, device, partial(eps_loss, module, target=self.target))
        return {"eps_loss_conditional": conditional, "eps_loss_null": by_level(data.test, device, null_loss)}

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        ends = (self.density.min, self.density.max)
        known = self.strengths() if takes_strength(module) else None
        return {role: NetworkDenoiser(module, world.classes, self.target, rows, ends, strengths=known)}

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return torch.zeros(2, *world.shape), torch.zeros(2), torch.tensor([0, world.classes])

    def loss(self, output: Callable[..., Tensor], x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        """The weighted squared error (b,) of `output(z, logsnr, label)`."""
        weighting = self.weighting
        if any(field.name == "density" for field in dataclasses.fields(weighting)):
            weighting = dataclasses.replace(weighting, density=self.density.density)
        return denoising_loss(output, x, eps, logsnr, label, self.target, weighting)


@contextmanager
def held_fixed(module: nn.Module) -> Iterator[None]:
    """The network as its samples will see it, dropout off, and no gradients.

    Autocast keeps the weights that it has cast; in torch before 2.15, which is where this was tested, those that were cast here
    might have no gradient afterwards, and so none is kept.
    """
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)
        torch.clear_autocast_cache()
