"""Attacks on a classifier of noisy images, and the training that withstands them. Madry et al., arXiv 1706.06083.

max over |delta| <= alpha radius of -log p(label | z + delta), by projected gradient steps from a random start, in the l2 norm.
The radius is in units of x, and shrinks in z as x does, or no classifier could withstand it where z is nearly noise.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.diffusion import alpha_sigma
from guidance.gradients import log_prob_gradient
from guidance.spaces import norm

Classifier = Callable[[Tensor, Tensor], Tensor]  # (z, logsnr) -> logits (b, classes)


def attack(
    classifier: Classifier,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
    radius: float,
    steps: int,
    start: Float[Tensor, "b *shape"],
) -> Float[Tensor, "b *shape"]:
    """z moved by at most alpha `radius` (l2, per sample) to where the classifier gives `label` the least probability.

    start: standard normal noise, in whose direction, at half the way, the steps begin, each 2.5 radius / steps long.
    """
    reach = alpha_sigma(logsnr, z)[0] * radius
    delta = start * (reach / 2 / norm(start).clamp(min=1e-12))
    for _ in range(steps):
        grad = log_prob_gradient(classifier, z + delta, logsnr, label).to(z)
        delta = delta - grad * (2.5 * reach / steps / norm(grad).clamp(min=1e-12))
        delta = delta * (reach / norm(delta).clamp(min=1e-12)).clamp(max=1)
    return z + delta


def robust_accuracy(
    classifier: Classifier,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
    radius: float,
    steps: int,
    start: Float[Tensor, "b *shape"],
) -> float:
    """The share of samples whose label the classifier still gives after the attack."""
    attacked = attack(classifier, z, logsnr, label, radius, steps, start)
    with torch.no_grad():
        return (classifier(attacked, logsnr).argmax(-1) == label).float().mean().item()
