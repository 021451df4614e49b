"""What a network is trained on: the weighted denoising loss of eps, x or v, the label dropped at random."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.diffusion import TARGETS, add_noise, v_of
from guidance.weightings import OnEps


def drop_labels(label: Int[Tensor, " b"], uniform: Float[Tensor, " b"], p_uncond: float, null: int) -> Int[Tensor, " b"]:
    """`label` with the id `null` wherever `uniform` (in [0, 1)) is below p_uncond: one network, both models."""
    if not 0 <= p_uncond <= 1:
        raise ValueError(f"p_uncond is a probability, in [0, 1], not {p_uncond}")
    return torch.where(uniform < p_uncond, null, label)


def drop_two_labels(
    label: Int[Tensor, " b"], uniform: Float[Tensor, " b"], p_fine: float, p_both: float, classes: int, groups: int
) -> Int[Tensor, " b"]:
    """Labels, with probability p_fine their group's id (`guidance.grouped`) instead, with p_both the null id.

    InstructPix2Pix (Brooks et al., arXiv 2211.09800, section 3.2.1) drops 5 % of the one condition, of the other and of both;
    here the fine condition implies the coarse one, which cannot be dropped alone. ValueError for probabilities that are none.
    """
    if min(p_fine, p_both) < 0 or p_fine + p_both > 1:
        raise ValueError(f"p_fine and p_both are probabilities that add up to 1 at most, not {p_fine} and {p_both}")
    coarse = torch.where(uniform < p_both + p_fine, classes + label % groups, label)
    return torch.where(uniform < p_both, classes + groups, coarse)


def target_of(
    target: str, x: Float[Tensor, "b *shape"], eps: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """What a network with this target should predict of z = alpha x + sigma eps. ValueError for a target that is none."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    return {"eps": eps, "x": x}[target] if target != "v" else v_of(x, eps, logsnr)


def eps_loss(
    network: nn.Module,
    x: Float[Tensor, "b *shape"],
    eps: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
    target: str = "eps",
) -> Float[Tensor, " b"]:
    """|| eps_theta(z_lambda, c) - eps ||^2 per sample, averaged over its dimensions, whatever the network's target."""
    return denoising_loss(network, x, eps, logsnr, label, target, OnEps())


def denoising_loss(
    network: nn.Module,
    x: Float[Tensor, "b *shape"],
    eps: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
    target: str = "eps",
    weighting: "Callable[[Tensor, str], Tensor] | None" = None,
) -> Float[Tensor, " b"]:
    """The weighted squared error of the network's output, per sample, averaged over its dimensions.

    weighting: one of WEIGHTINGS, OnEps() if None. Of a network that learned its variance too, only the first half of the
    channels counts.
    """
    output = network(add_noise(x, eps, logsnr), logsnr, label)[:, : x.shape[1]]
    return _weighted_error(output, x, eps, logsnr, target, weighting)


def internal_loss(
    network: nn.Module,
    x: Float[Tensor, "b *shape"],
    eps: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
    target: str = "eps",
    weighting: "Callable[[Tensor, str], Tensor] | None" = None,
    *,
    weight: float = 0.5,
) -> Float[Tensor, " b"]:
    """The denoising loss of the output, and `weight` times that of the internal head, from one forward.

    Internal Guidance (Zhou et al., arXiv 2512.24176); 0.5 is what SiT/train.py and LightningDiT/transport/transport.py of its
    repository take, at commit d048cc3.
    """
    outputs = network(add_noise(x, eps, logsnr), logsnr, label, internal=True)
    final, inner = outputs[:, : x.shape[1]], outputs[:, -x.shape[1] :]
    loss = _weighted_error(final, x, eps, logsnr, target, weighting)
    return loss + weight * _weighted_error(inner, x, eps, logsnr, target, weighting)


def _weighted_error(
    output: Tensor, x: Tensor, eps: Tensor, logsnr: Tensor, target: str, weighting: "Callable[[Tensor, str], Tensor] | None"
) -> Tensor:
    error = (output - target_of(target, x, eps, logsnr)).square().flatten(1).mean(1)
    return (OnEps() if weighting is None else weighting)(logsnr, target) * error
