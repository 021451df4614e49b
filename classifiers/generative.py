"""The diffusion classifier: the label whose denoiser errs least. Li et al., arXiv 2303.16203; Clark & Jaini, arXiv 2303.15233.

log p(z_lambda | c) = const - 1/2 integral over gamma of E || e - e^(z', c) ||^2,   z' = r z_lambda + s e,   gamma = log r^2 / s^2

z' is z_lambda with more noise, at lambda' < lambda, and e^ is what the denoiser makes of the noise that was added. For the ideal
denoiser this is no bound but an identity (Kong et al., arXiv 2302.03792), so that the logits are those of p(c | z_lambda) for
classes of equal weight: the implicit classifier p(z | c) / p(z) of Ho & Salimans, arXiv 2207.12598, section 3.2. At lambda = +inf
z is x, and it is the diffusion classifier of images. All classes meet the same noise.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from guidance.denoiser import Denoiser, branches
from guidance.diffusion import alpha_sigma
from guidance.seeding import generator


class Renoised(NamedTuple):
    """z' at logsnr (b,), and by how much the denoiser's eps at z' is to be multiplied to be an estimate of the noise added."""

    z: Float[Tensor, "b *shape"]
    logsnr: Float[Tensor, " b"]
    share: Tensor


def renoise(
    z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], gamma: Float[Tensor, " b"], e: Float[Tensor, "b *shape"]
) -> Renoised:
    """z_lambda with so much noise `e` more that z_lambda itself is known with log SNR gamma.

    Both noises add up in units of x: exp(-lambda') = exp(-lambda) + exp(-gamma) / alpha^2.
    """
    alpha, _ = alpha_sigma(logsnr, z)
    to = -torch.logaddexp(-logsnr, -gamma - 2 * alpha.flatten().log())
    alpha_to, sigma_to = alpha_sigma(to, z)
    r = alpha_to / alpha
    s = r * (-gamma / 2).exp().view_as(r)  # the root of sigma_to^2 - (r sigma)^2, without the cancellation
    return Renoised(r * z + s * e, to, s / sigma_to)


def errors(
    model: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    gamma: Float[Tensor, " b"],
    e: Float[Tensor, "b *shape"],
    classes: Sequence[int],
) -> Float[Tensor, "b classes"]:
    """|| e - e^(z', c) ||^2 of each class."""
    at = renoise(z, logsnr, gamma, e)
    asked = [torch.full_like(logsnr, c, dtype=torch.long) for c in classes]
    found = branches(model, at.z, at.logsnr, asked)
    return torch.stack([(e - at.share * belief.eps).flatten(1).square().sum(1) for belief in found], dim=1)


class Implicit(nn.Module):
    """(z, logsnr) -> logits (b, classes) of p(c | z_lambda), by denoising errors at `levels` gammas between low and high.

    It classifies and guides as any other classifier does; a call costs levels * noises * classes evaluations a sample.

    model: any Denoiser that knows labels 0..classes-1; shape: of a sample; noises: draws at each gamma, the same ones for every
    sample and every class, of `seed`. gammas are the middles of equal parts of [low, high]; what lies outside is left out.
    """

    def __init__(
        self,
        model: Denoiser,
        classes: int,
        shape: tuple[int, ...],
        levels: int = 16,
        noises: int = 1,
        low: float = -10.0,
        high: float = 10.0,
        seed: int = 0,
    ):
        super().__init__()
        if not low < high or levels < 1 or noises < 1:
            raise ValueError(f"low must be below high and levels and noises positive, not {low}, {high}, {levels}, {noises}")
        self.model, self.classes = model, classes
        self.width = (high - low) / levels
        gammas = low + self.width * (torch.arange(levels) + 0.5)
        self.register_buffer("gammas", gammas.repeat_interleave(noises))
        self.register_buffer("noise", torch.randn(levels * noises, *shape, generator=generator(seed, 0)))
        self.noises = noises

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        total = z.new_zeros(len(z), self.classes)
        for gamma, e in zip(self.gammas.to(z), self.noise.to(z)):
            total = total + errors(self.model, z, logsnr, gamma.expand(len(z)), e.expand_as(z), range(self.classes))
        return -0.5 * self.width / self.noises * total


class Labelled(NamedTuple):
    """label (b,) and how many evaluations of the denoiser each sample took (b,)."""

    label: Int[Tensor, " b"]
    evaluations: Int[Tensor, " b"]


@torch.no_grad()
def classify(
    model: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    classes: int,
    gammas: Float[Tensor, " rounds"],
    noise: Float[Tensor, "rounds *shape"],
    surely: float = 3.0,
    least: int = 4,
) -> Labelled:
    """The labels by the sum of errors over rounds, a gamma and a noise each, classes being dropped as soon as they are out of it.

    After `least` rounds a class is dropped whose errors exceed those of the best one by more than `surely` standard errors of
    their difference (paired: same noise); a sample with one class left is done. surely=inf: none is dropped. gammas should come
    in an order in which every beginning covers their range.
    """
    alive = torch.ones(len(z), classes, dtype=torch.bool, device=z.device)
    seen: list[Tensor] = []  # (b, classes) of each round; of dropped classes nothing is asked and infinity kept
    evaluations = torch.zeros(len(z), dtype=torch.long, device=z.device)
    for gamma, e in zip(gammas.to(z), noise.to(z)):
        alive_now = alive & (alive.sum(1, keepdim=True) > 1)
        seen.append(_ask(model, z, logsnr, gamma, e, alive_now))
        evaluations += alive_now.sum(1)
        if len(seen) >= max(2, least):
            alive &= _in_it(torch.stack(seen), alive_now, surely)
        if not (alive.sum(1) > 1).any():
            break
    total = torch.stack(seen).nan_to_num(posinf=0.0).sum(0).masked_fill(~alive, torch.inf)
    return Labelled(total.argmin(1), evaluations)


def _ask(model: Denoiser, z: Tensor, logsnr: Tensor, gamma: Tensor, e: Tensor, wanted: Bool[Tensor, "b classes"]) -> Tensor:
    found = z.new_full(wanted.shape, torch.inf)
    rows, label = wanted.nonzero(as_tuple=True)
    if len(rows):
        at = renoise(z[rows], logsnr[rows], gamma.expand(len(rows)), e.expand_as(z[rows]))
        belief = model(at.z, at.logsnr, label)
        found[rows, label] = (e - at.share * belief.eps).flatten(1).square().sum(1)
    return found


def _in_it(seen: Float[Tensor, "rounds b classes"], alive: Bool[Tensor, "b classes"], surely: float) -> Bool[Tensor, "b classes"]:
    """Which classes are not beaten yet, of samples that still have several; all of those that do not."""
    mean = seen.mean(0).masked_fill(~alive, torch.inf)
    best = mean.argmin(1, keepdim=True)
    gap = seen - seen.gather(2, best.expand(len(seen), -1, -1))
    spread = gap.nan_to_num(posinf=0.0, nan=0.0).std(0) / len(seen) ** 0.5
    beaten = gap.mean(0).nan_to_num(posinf=torch.inf, nan=0.0) > surely * spread
    beaten.scatter_(1, best, False)
    return torch.where(alive.any(1, keepdim=True), alive & ~beaten, torch.ones_like(alive))


def spread_out(rounds: int) -> Int[Tensor, " rounds"]:
    """0..rounds-1 in an order whose every beginning covers the whole: bit reversal (van der Corput)."""
    bits = max(1, (rounds - 1).bit_length())
    order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)]
    return torch.tensor([i for i in order if i < rounds])
