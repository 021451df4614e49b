"""Guidance-free training (GFT). Chen et al., 2025, arXiv 2501.15420; DiT/diffusion/gaussian_diffusion.py of thu-ml/GFT.

L = || beta D(z, c, beta) + (1 - beta) sg[D(z, null, 1)] - D* ||^2,   beta ~ U(min_beta, 1)

D* is the target of z's own x and eps. Its minimiser D has beta D + (1 - beta) D_u = D_c, which is
D = D_c + (1 / beta - 1) (D_c - D_u): plain guidance of w = 1 / beta - 1, from one forward. As in the repository D(null) is
evaluated in evaluation mode and without gradients, and a row whose label is dropped is given beta = 1 as its condition and keeps
the beta that was drawn in the sum, which for it weighs the gradient alone. The network's strength is 1 - beta.
"""

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from experiments.graph.value import value
from experiments.objectives.batches import noisy_batch
from experiments.objectives.strengths import LearnsGuidance, held_fixed
from experiments.worlds.world import Labelled
from guidance.objective import drop_labels
from guidance.strengths import Strengths, takes_strength


@value
class GuidanceFree(LearnsGuidance):
    """min_beta: the least beta that is drawn; sampling takes w up to 1 / min_beta - 1, from 0, which is beta = 1."""

    name: ClassVar[str] = "guidance-free"
    min_beta: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def build(self, network: Any, world: Any) -> nn.Module:
        module = super().build(network, world)
        if not takes_strength(module):
            raise ValueError("guidance-free trains a network that is conditioned on a strength: set network.strength to true")
        return module

    def strengths(self) -> Strengths:
        return Strengths(self.name, 0.0, 1 - self.min_beta)

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, eps, logsnr, label = noisy_batch(images, size, self.density, g)
        label = drop_labels(label, torch.rand(len(x), generator=g), self.p_uncond, world.classes)
        beta = self.min_beta + (1 - self.min_beta) * torch.rand(len(x), generator=g)
        return x, eps, logsnr, label, beta

    def losses_of(
        self, module: nn.Module, world: Any, x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor, beta: Tensor
    ) -> Tensor:
        null = torch.full_like(label, world.classes)

        def mixed(z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            with held_fixed(module):
                unconditional = module(z, logsnr, null)
            strength = torch.where(label == null, 0.0, 1 - beta)
            share = beta.view(-1, *(1,) * (z.ndim - 1))
            return share * module(z, logsnr, label, strength=strength) + (1 - share) * unconditional

        return self.loss(mixed, x, eps, logsnr, label)
