"""The joint conditional and unconditional diffusion model. Ho & Salimans, arXiv 2207.12598, Algorithm 1."""

import dataclasses
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from experiments.fields import DensityOf, Positive, WeightingOf
from experiments.graph.value import value
from experiments.networks import require
from experiments.objectives.batches import ByRows, by_level, noisy_batch
from experiments.worlds.world import Data, Labelled
from guidance import adapters
from guidance.denoiser import NetworkDenoiser
from guidance.learned_variance import ImportanceSampler, learned_variance_loss
from guidance.objective import denoising_loss, drop_labels, drop_two_labels, eps_loss, internal_loss
from guidance.schedules import CosineLogSNR
from guidance.strengths import Strengths, takes_strength
from guidance.weightings import Simple


@value
class Denoising(ByRows):
    """p_uncond: the share of labels dropped in training (1: all of them; 0: none, and the model says nothing without a label,
    until dropout is fine-tuned into it: Train.begin). density: of lambda; sampling grids take its ends.

    target: what the network is trained to predict. variance: "fixed" (the sampler's v decides), or learned beside the mean over a
    grid of `levels` (Nichol & Dhariwal, arXiv 2102.09672): "hybrid" adds a little of the bound, which teaches the variance
    alone; "bound" is the bound, its terms drawn by importance. Both replace the weighting. bin_width: of data with
    grey levels, for the bound's last term. groups: of classes that it knows too (guidance.grouped); a share p_group of its
    labels is then the group's. internal_weight: of the loss of the network's internal head, which is added (guidance.objective);
    0: it has none.
    """

    name: ClassVar[str] = "denoising"
    meaning: ClassVar[tuple[str, ...]] = ("target", "variance", "levels", "groups")  # fields that say what weights mean
    p_uncond: Annotated[float, Field(ge=0, le=1)] = 0.1
    density: DensityOf = CosineLogSNR()
    target: Literal["eps", "x", "v"] = "eps"
    weighting: WeightingOf = Simple()
    variance: Literal["fixed", "hybrid", "bound"] = "fixed"
    levels: Annotated[int, Field(ge=2)] = 1000
    bin_width: Positive | None = None
    groups: Annotated[int, Field(ge=0)] = 0
    p_group: Annotated[float, Field(gt=0, lt=1)] = 0.05
    internal_weight: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def shares_add_up(self) -> "Denoising":
        if self.groups and self.p_group + self.p_uncond > 1:
            raise ValueError(f"p_group and p_uncond add up to 1 at most, not {self.p_group + self.p_uncond:g}")
        if self.internal_weight and self.variance != "fixed":
            raise ValueError("internal_weight: an internal head says no variance; leave variance fixed")
        return self

    def build(self, network: Any, world: Any) -> nn.Module:
        module = require(network, "denoiser")(world, world.classes + self.conditions(world), self.variance != "fixed")
        adapters.logsnr(module)  # what every network of the registry takes
        if bool(getattr(module, "internal_head", 0)) != bool(self.internal_weight):
            missing, given = ("internal_head", "internal_weight")[:: 1 if self.internal_weight else -1]
            raise ValueError(f"{given} is nothing without {missing}: the network has the head, and the objective trains it")
        if self.variance == "bound":
            module.importance = ImportanceSampler(self.levels)  # saved with the network that it belongs to
        return module

    def conditions(self, world: Any) -> int:
        """How many ids there are between those of the classes and the null label."""
        return self.groups

    @property
    def by_rows(self) -> bool:
        """Importance remembers the terms of all rows."""
        return self.variance != "bound"

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, eps, logsnr, label = noisy_batch(images, size, self.density, g)
        label = self.dropped(label, torch.rand(len(x), generator=g), world)
        return (x, eps, logsnr, label, *([torch.rand(len(x), generator=g)] if self.variance != "fixed" else []))

    def losses_of(
        self, module: nn.Module, world: Any, x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor, uniform: Tensor | None = None
    ) -> Tensor:
        if uniform is not None:
            return self._bound(module, x, eps, label, uniform)
        weighting = self.weighting
        if any(field.name == "density" for field in dataclasses.fields(weighting)):
            weighting = dataclasses.replace(weighting, density=self.density.density)
        loss = internal_loss if self.internal_weight else denoising_loss
        options = {"weight": self.internal_weight} if self.internal_weight else {}
        return loss(module, x, eps, logsnr, label, self.target, weighting, **options)

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        def null_loss(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            null = world.classes + self.conditions(world)
            return eps_loss(module, x, eps, logsnr, torch.full_like(label, null), self.target)

        asked = {"eps_loss_conditional": partial(eps_loss, module, target=self.target)} if self.p_uncond < 1 else {}
        asked |= {"eps_loss_null": null_loss} if self.p_uncond > 0 else {}  # a label that was never seen has no loss
        return {name: by_level(data.test, device, loss) for name, loss in asked.items()}

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        ends = (self.density.min, self.density.max)
        known = Strengths(self.name, 0.0, 0.0) if takes_strength(module) else None  # it learned nothing of the others
        return {
            role: NetworkDenoiser(module, world.classes, self.target, rows, ends, self.groups, self.p_uncond > 0, strengths=known)
        }

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return torch.zeros(2, *world.shape), torch.zeros(2), torch.tensor([0, world.classes])

    def dropped(self, label: Tensor, uniform: Tensor, world: Any) -> Tensor:
        """`label` with the share of it dropped that `uniform` in [0, 1) says."""
        return self._drop(label, uniform, world.classes)

    def _drop(self, label: Tensor, uniform: Tensor, classes: int) -> Tensor:
        if self.groups:
            return drop_two_labels(label, uniform, self.p_group, self.p_uncond, classes, self.groups)
        return drop_labels(label, uniform, self.p_uncond, classes)

    def _bound(self, module: nn.Module, x: Tensor, eps: Tensor, label: Tensor, uniform: Tensor) -> Tensor:
        """L_hybrid, or L_vlb with its terms drawn by importance, over the grid that the density makes of `levels`."""
        levels = self.density.grid(self.levels)
        options = {"target": self.target, "bin_width": self.bin_width}
        if self.variance == "hybrid":
            index = (uniform * self.levels).long().clamp(max=self.levels - 1)
            return learned_variance_loss(module, x, eps, label, levels, index, **options)
        index, weight = module.importance(uniform)
        terms = learned_variance_loss(module, x, eps, label, levels, index, hybrid=False, **options)
        module.importance.update(index, terms)
        return weight * terms
