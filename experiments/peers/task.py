"""What every system is asked to do: DDIM on a linear chain of 1,000 steps, x clipped to [-1, 1] at every one, eps following."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from guidance.noise import SampleNoise

CHAIN, BETAS = 1000, (1e-4, 0.02)  # Ho et al. (2020)
CHANNELS, CLASSES = 3, 10
NETWORK = {"is": "unet", "width": 72, "multipliers": (1, 2, 2), "blocks": 2, "attention": (1,)}  # 6.35 M parameters
CLASSIFIER = {"is": "half-unet", "width": 64, "multipliers": (1, 2, 2), "attention": (2,)}


@dataclass(frozen=True)
class Task:
    """network: the JSON of a network value, or its name. steps: a divisor of CHAIN. w: of both ways of guidance."""

    batch: int
    steps: int
    network: Any = None
    size: int = 32
    w: float = 1.0
    device: str = "cpu"

    classes = CLASSES
    trains = True

    def __post_init__(self) -> None:
        if CHAIN % self.steps:
            raise ValueError(f"steps must divide the chain's {CHAIN}, as 10, 20 or 50, not {self.steps}")

    @property
    def shape(self) -> tuple[int, int, int]:
        return CHANNELS, self.size, self.size

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """alpha^2 at every step of the chain, float64."""
        return (1 - torch.linspace(*BETAS, CHAIN, dtype=torch.float64)).cumprod(0)

    @cached_property
    def timesteps(self) -> list[int]:
        """Steps of the chain, from noise to data, evenly spread, the last being 1000/steps - 1."""
        stride = CHAIN // self.steps
        return list(range(CHAIN - 1, -1, -stride))

    @cached_property
    def levels(self) -> list[float]:
        """lambda at these steps, rising."""
        square = self.alphas_cumprod[self.timesteps]
        return (square / (1 - square)).log().tolist()

    @cached_property
    def net(self) -> nn.Module:
        """(z, lambda, label) -> eps, of random weights."""
        from experiments.networks import seeded
        from experiments.registry import build

        given = self.network or NETWORK
        with seeded(0):
            module = build("networks", {"is": given} if isinstance(given, str) else given).denoiser(self, CLASSES, False)
        return module.eval().requires_grad_(False).to(self.device)

    @cached_property
    def classifier(self) -> nn.Module:
        """(z, lambda) -> logits, of random weights."""
        from experiments.networks import seeded
        from experiments.registry import build

        with seeded(1):
            module = build("networks", {**CLASSIFIER, "size": self.size}).noisy_classifier(self)
        return module.eval().requires_grad_(False).to(self.device)

    @cached_property
    def on_chain(self) -> nn.Module:
        """The network as (z, t, y), as the others' loops call one."""
        return OnChain(self.net, self.alphas_cumprod, self.device)

    @cached_property
    def label(self) -> Tensor:
        return (torch.arange(self.batch) % CLASSES).to(self.device)

    @cached_property
    def null(self) -> Tensor:
        return torch.full_like(self.label, CLASSES)

    def z(self) -> Tensor:
        """The noise that it begins with, that of guidance.sample of seed 0."""
        return SampleNoise(0, range(self.batch), self.shape, self.device)()


class OnChain(nn.Module):
    """A network of lambda as one of the steps of a chain, whole ones."""

    def __init__(self, network: nn.Module, alphas_cumprod: Tensor, device: str):
        super().__init__()
        self.network = network
        self.levels = (alphas_cumprod / (1 - alphas_cumprod)).log().float().to(device)

    def forward(self, z: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        logsnr = self.levels[t.long()]
        return self.network(z, logsnr) if y is None else self.network(z, logsnr, y)
