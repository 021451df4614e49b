"""The diffusion classifier with classes dropped as soon as they are out of it. After Clark & Jaini, arXiv 2303.15233, section 3.

Noise is shared by the classes, so that errors are compared in pairs, and a class that is beaten is asked no more.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from classifiers.denoising_errors import renoise, span
from guidance.denoiser import Denoiser


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
    noise: Float[Tensor, "rounds *shape"],
    surely: float = 3.0,
    least: int = 8,
    low: float = -10.0,
    high: float = 10.0,
) -> Labelled:
    """The labels by the sum of errors over rounds, a gamma and a noise each, classes being dropped as soon as they are out of it.

    After `least` rounds a class is dropped whose errors exceed those of the best one by more than `surely` standard errors of
    their difference (paired: same noise); a sample with one class left is done. surely=inf: none is dropped. low, high: as of
    Implicit; the rounds' gammas come in an order in which every beginning covers their range.
    """
    start, stop = span(logsnr, low, high)
    places = (spread_out(len(noise)).to(z) + 0.5) / len(noise)
    alive = torch.ones(len(z), classes, dtype=torch.bool, device=z.device)
    seen: list[Tensor] = []  # (b, classes) of each round; of dropped classes nothing is asked and infinity kept
    evaluations = torch.zeros(len(z), dtype=torch.long, device=z.device)
    for place, e in zip(places, noise.to(z)):
        alive_now = alive & (alive.sum(1, keepdim=True) > 1)
        seen.append(_ask(model, z, logsnr, start + place * (stop - start), e, alive_now, low))
        evaluations += alive_now.sum(1)
        if len(seen) >= max(2, least):
            alive &= _in_it(torch.stack(seen), alive_now, surely)
        if not (alive.sum(1) > 1).any():
            break
    total = torch.stack(seen).nan_to_num(posinf=0.0).sum(0).masked_fill(~alive, torch.inf)
    return Labelled(total.argmin(1), evaluations)


def _ask(model: Denoiser, z: Tensor, logsnr: Tensor, gamma: Tensor, e: Tensor, wanted: Tensor, low: float) -> Tensor:
    found = z.new_full(wanted.shape, torch.inf)
    rows, label = wanted.nonzero(as_tuple=True)
    if len(rows):
        at = renoise(z[rows], logsnr[rows], gamma[rows], e.expand_as(z[rows]))
        belief = model(at.z, at.logsnr.clamp(min=low), label)
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
