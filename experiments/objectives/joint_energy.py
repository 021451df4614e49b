"""A joint energy model over a network that is not conditioned on lambda. Grathwohl et al., arXiv 1912.03263."""

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from classifiers.joint_energy import JointEnergy as Energy
from classifiers.joint_energy import joint_loss
from experiments.fields import Count, Positive
from experiments.graph.value import value
from experiments.networks import require
from experiments.objectives.batches import batch, clean_metrics, to
from experiments.worlds.world import Data, Labelled


@value
class JointEnergy:
    """langevin_steps, step, noise: of its chains at every training step; chains, restart: of the replay buffer; blur: the noise
    on the data; bound: how much the squares of the energies count.

    The paper's step of 1 threw the chains of 8x8 digits out of every bound, one below 0.1 never brought them to the data in a
    thousand steps.
    """

    name: ClassVar[str] = "joint-energy"
    langevin_steps: Count = 20
    step: Positive = 0.3
    noise: Positive = 0.03
    chains: Count = 1000
    restart: Annotated[float, Field(ge=0, le=1)] = 0.05
    blur: Annotated[float, Field(ge=0)] = 0.03
    bound: Annotated[float, Field(ge=0)] = 0.05

    def build(self, network: Any, world: Any) -> nn.Module:
        return Energy(Unconditioned(require(network, "noisy_classifier")(world)), world.shape, self.chains, self.restart)

    def losses(self, module: nn.Module, images: Labelled, world: Any, size: int, g: torch.Generator, device: str) -> Tensor:
        options = {"steps": self.langevin_steps, "step": self.step, "noise": self.noise, "blur": self.blur, "bound": self.bound}
        return joint_loss(module, *to(device, *batch(images, size, g)), g, **options)

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        return clean_metrics(module, data.test, device)

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        return {role: module}

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return (torch.zeros(2, *world.shape),)


class Unconditioned(nn.Module):
    """A classifier of noisy images as one of clean images: its lambda is always 0."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x, x.new_zeros(len(x)))
