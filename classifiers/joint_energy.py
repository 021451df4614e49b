"""A classifier whose logits are an energy. JEM: Grathwohl et al., arXiv 1912.03263.

p(x, y) ~ exp f(x)[y],   so that p(y | x) is the softmax and log p(x) = logsumexp_y f(x)[y] + const
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.gradients import with_gradients

FIXED_POINT = 2**14  # the replay buffer holds [-2, 2) in 16-bit integers, which an average of weights leaves alone


class JointEnergy(nn.Module):
    """Logits (b, classes) of x (b, channels, h, w), with a buffer of chains that training keeps going.

    network: x -> logits, smooth and without normalisation over the batch; chains: how many; shape: of x. Chains begin uniform in
    [-1, 1]; a share `restart` of them begins anew each time they are taken up.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], chains: int = 1000, restart: float = 0.05):
        super().__init__()
        self.network, self.restart = network, restart
        self.register_buffer("replay", _fixed(2 * torch.rand(chains, *shape) - 1))

    def forward(self, x: Float[Tensor, "b *shape"]) -> Float[Tensor, "b classes"]:
        return self.network(x)

    def log_density(self, x: Float[Tensor, "b *shape"], label: Int[Tensor, " b"] | None = None) -> Float[Tensor, " b"]:
        """log p(x), or log p(x, label), up to one constant."""
        logits = self(x)
        return logits.logsumexp(-1) if label is None else logits.gather(-1, label[:, None])[:, 0]

    def take(self, n: int, g: torch.Generator) -> tuple[Int[Tensor, " n"], Float[Tensor, "n *shape"]]:
        """Which chains, and where they are."""
        index = torch.randint(len(self.replay), (n,), generator=g)
        restarted = (torch.rand(n, generator=g) < self.restart).view(-1, *(1,) * (self.replay.ndim - 1))
        start = 2 * torch.rand(n, *self.replay.shape[1:], generator=g) - 1
        return index, torch.where(
            restarted.to(self.replay.device), start.to(self.replay.device), self.replay[index].float() / FIXED_POINT
        )

    def keep(self, index: Int[Tensor, " n"], x: Float[Tensor, "n *shape"]) -> None:
        """Puts the chains back."""
        self.replay[index] = _fixed(x)


def _fixed(x: Tensor) -> Tensor:
    return (x.clamp(-1.99, 1.99) * FIXED_POINT).round().to(torch.int16)


def langevin(
    energy: JointEnergy,
    x: Float[Tensor, "b *shape"],
    steps: int,
    g: torch.Generator,
    label: Int[Tensor, " b"] | None = None,
    step: float = 1.0,
    noise: float = 0.01,
) -> Float[Tensor, "b *shape"]:
    """x after `steps` of x + step grad log p(x) + noise * normal: as the paper does, with less noise than sqrt(2 step).

    label: climbs log p(x, label) instead.
    """
    for _ in range(steps):
        with with_gradients(x, label) as (leaf, at):
            grad = torch.autograd.grad(energy.log_density(leaf, at).sum(), leaf)[0]
        x = x + step * grad + noise * torch.randn(x.shape, generator=g).to(x)
    return x


def joint_loss(
    energy: JointEnergy,
    x: Float[Tensor, "b *shape"],
    label: Int[Tensor, " b"],
    g: torch.Generator,
    steps: int,
    step: float,
    noise: float,
    blur: float,
    bound: float,
) -> Float[Tensor, " b"]:
    """-log p(label | x) - log p(x), the latter by contrast with chains that go on for `steps`; nats, up to a constant.

    blur: of the noise that data get, in pixels' units; bound: how much the squares of both log densities count, so that they stay
    near 0 (Du & Mordatch, arXiv 1903.08689).
    """
    x = x + blur * torch.randn(x.shape, generator=g).to(x)
    index, start = energy.take(len(x), g)
    generated = langevin(energy, start, steps, g, step=step, noise=noise)
    energy.keep(index, generated)
    data_density, generated_density = energy.log_density(x), energy.log_density(generated)
    return (
        F.cross_entropy(energy(x), label, reduction="none")
        - data_density
        + generated_density
        + bound * (data_density.square() + generated_density.square())
    )
