"""The diffusion classifier with classes dropped as soon as they are unlikely. After Clark & Jaini, arXiv 2303.15233, section 3.

Noise is shared by the classes, so that errors are compared in pairs, and a class that is beaten is evaluated no more.
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
    z_score: float = 3.0,
    min_rounds: int = 8,
    low: float = -10.0,
    high: float = 10.0,
) -> Labelled:
    """The labels by the sum of errors over rounds, a gamma and a noise each, classes being dropped as soon as they are beaten.

    After `min_rounds` a class is dropped whose errors exceed those of the best one by more than `z_score` standard errors of
    their difference (paired: same noise); a sample with one class left is done. z_score=inf: none is dropped. low, high: as of
    Implicit; the rounds' gammas come in an order in which every beginning covers their range.
    """
    start, stop = span(logsnr, low, high)
    positions = (van_der_corput(len(noise)).to(z) + 0.5) / len(noise)
    alive = torch.ones(len(z), classes, dtype=torch.bool, device=z.device)
    round_errors: list[Tensor] = []  # (b, classes) of each round; dropped classes are not evaluated and count as infinity
    evaluations = torch.zeros(len(z), dtype=torch.long, device=z.device)
    for position, e in zip(positions, noise.to(z)):
        contested = alive & (alive.sum(1, keepdim=True) > 1)
        round_errors.append(_squared_errors(model, z, logsnr, start + position * (stop - start), e, contested, low))
        evaluations += contested.sum(1)
        if len(round_errors) >= max(2, min_rounds):
            alive &= _not_beaten(torch.stack(round_errors), contested, z_score)
        if not (alive.sum(1) > 1).any():
            break
    total = torch.stack(round_errors).nan_to_num(posinf=0.0).sum(0).masked_fill(~alive, torch.inf)
    return Labelled(total.argmin(1), evaluations)


def _squared_errors(model: Denoiser, z: Tensor, logsnr: Tensor, gamma: Tensor, e: Tensor, alive: Tensor, low: float) -> Tensor:
    errors = z.new_full(alive.shape, torch.inf)
    rows, label = alive.nonzero(as_tuple=True)
    if len(rows):
        renoised = renoise(z[rows], logsnr[rows], gamma[rows], e.expand_as(z[rows]))
        pred = model(renoised.z, renoised.logsnr.clamp(min=low), label)
        errors[rows, label] = (e - renoised.share * pred.eps).flatten(1).square().sum(1)
    return errors


def _not_beaten(
    round_errors: Float[Tensor, "rounds b classes"], alive: Bool[Tensor, "b classes"], z_score: float
) -> Bool[Tensor, "b classes"]:
    """Which classes are not beaten yet, of samples that still have several; all of those that do not."""
    mean = round_errors.mean(0).masked_fill(~alive, torch.inf)
    best = mean.argmin(1, keepdim=True)
    gap = round_errors - round_errors.gather(2, best.expand(len(round_errors), -1, -1))
    std_error = gap.nan_to_num(posinf=0.0, nan=0.0).std(0) / len(round_errors) ** 0.5
    beaten = gap.mean(0).nan_to_num(posinf=torch.inf, nan=0.0) > z_score * std_error
    beaten.scatter_(1, best, False)
    return torch.where(alive.any(1, keepdim=True), alive & ~beaten, torch.ones_like(alive))


def van_der_corput(rounds: int) -> Int[Tensor, " rounds"]:
    """0..rounds-1 in an order whose every beginning covers the whole: bit reversal (van der Corput)."""
    bits = max(1, (rounds - 1).bit_length())
    order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)]
    return torch.tensor([i for i in order if i < rounds])
