"""Learning the variance of the reverse steps: L_hybrid and L_vlb of Nichol & Dhariwal, arXiv 2102.09672, sections 3.1 and 3.3.

Over a grid of T levels the bound has T terms: a KL for each pair of neighbours, and the reconstruction at the last.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.bound import reconstruction_nll, step_kl
from guidance.diffusion import TARGETS, add_noise
from guidance.objective import target_of

BOUND_SHARE = 1e-3  # of L_vlb, the whole sum, in L_hybrid
HISTORY = 10  # losses of each term that its importance is estimated from


def learned_variance_loss(
    network: nn.Module,
    x: Float[Tensor, "b c *shape"],
    eps: Float[Tensor, "b c *shape"],
    label: Int[Tensor, " b"],
    levels: Float[Tensor, " T"],
    index: Int[Tensor, " b"],
    target: str = "eps",
    hybrid: bool = True,
    bin_width: float | None = None,
) -> Float[Tensor, " b"]:
    """The loss of terms `index` (0 the noisiest): an unbiased estimate over uniform indices, per dimension, in nats.

    hybrid: the simple loss plus BOUND_SHARE times the bound, in which the mean is held fixed (eq. 16), so that it teaches
    the variance alone; else the bound itself, which teaches both. The network gives 2 c channels; see NetworkDenoiser.
    ValueError for an index outside 0..T-1.
    """
    if not ((index >= 0) & (index < len(levels))).all():
        raise ValueError(f"index must lie in 0..{len(levels) - 1}, the terms of {len(levels)} levels")
    levels = levels.to(x)
    logsnr, next_logsnr = levels[index], levels[(index + 1).clamp(max=len(levels) - 1)]
    z = add_noise(x, eps, logsnr)
    output = network(z, logsnr, label)
    mean, variance = output.split(x.shape[1], dim=1)
    mean_of_bound = mean.detach() if hybrid else mean
    pred = TARGETS[target](z, mean_of_bound, logsnr)._replace(variance_fraction=(variance + 1) / 2)
    is_last = index == len(levels) - 1
    kl = step_kl(pred, x, logsnr, torch.where(is_last, logsnr + 1, next_logsnr), v=None)
    # x itself where another term is wanted: an infinite loss would make the gradient NaN even where it is not selected
    x_pred = torch.where(is_last.reshape(-1, *(1,) * (x.ndim - 1)), pred.x, x)
    reconstruction = reconstruction_nll(x_pred, x, torch.where(is_last, logsnr, levels[-1]), bin_width)
    bound = len(levels) * torch.where(is_last, reconstruction, kl) / x[0].numel()
    if not hybrid:
        return bound
    return (mean - target_of(target, x, eps, logsnr)).square().flatten(1).mean(1) + BOUND_SHARE * bound


class ImportanceSampler(nn.Module):
    """Terms drawn in proportion to the root of their mean squared loss (eq. 18); uniformly until each has HISTORY losses.

    The history is made of buffers: it is saved and resumed with the network that it belongs to.
    """

    losses: Tensor
    seen: Tensor

    def __init__(self, terms: int):
        super().__init__()
        if terms < 2:
            raise ValueError(f"terms must be at least 2, not {terms}")
        self.register_buffer("losses", torch.zeros(terms, HISTORY))
        self.register_buffer("seen", torch.zeros(terms, dtype=torch.long))

    def probabilities(self) -> Float[Tensor, " terms"]:
        """How likely each term is drawn next."""
        terms = len(self.seen)
        if (self.seen < HISTORY).any():
            return torch.full((terms,), 1 / terms, device=self.seen.device)
        size = self.losses.double().square().mean(1).sqrt()
        if not size.any():  # nothing to choose by
            size = torch.ones_like(size)
        return (size / size.sum()).float()

    def forward(self, uniform: Float[Tensor, " b"]) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"]]:
        """The terms at the quantiles `uniform` in [0, 1), and the weights that keep the mean over uniform terms unbiased."""
        p = self.probabilities()
        index = torch.searchsorted(p.cumsum(0), uniform.to(p), right=True).clamp(max=len(p) - 1)
        return index, 1 / (len(p) * p[index])

    @torch.no_grad()
    def update(self, index: Int[Tensor, " b"], losses: Float[Tensor, " b"]) -> None:
        """Remembers the losses of these terms, the newest HISTORY of each."""
        for term, loss in zip(index.tolist(), losses.detach().tolist()):
            self.losses[term, self.seen[term] % HISTORY] = loss
            self.seen[term] += 1
