"""What a network is trained on: the denoising loss of Algorithm 1 of Ho & Salimans, the label dropped at random."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.diffusion import add_noise


def drop_labels(label: Int[Tensor, " b"], uniform: Float[Tensor, " b"], p_uncond: float, null: int) -> Int[Tensor, " b"]:
    """`label` with the id `null` wherever `uniform` (in [0, 1)) is below p_uncond: one network, both models."""
    if not 0 <= p_uncond <= 1:
        raise ValueError(f"p_uncond is a probability, in [0, 1], not {p_uncond}")
    return torch.where(uniform < p_uncond, null, label)


def eps_loss(
    network: nn.Module,
    x: Float[Tensor, "b *shape"],
    eps: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
) -> Float[Tensor, " b"]:
    """|| eps_theta(z_lambda, c) - eps ||^2 per sample, averaged over its dimensions (eq. 5 of the paper)."""
    return (network(add_noise(x, eps, logsnr), logsnr, label) - eps).square().flatten(1).mean(1)
