"""Which lambdas a denoiser can be evaluated at: the ends that its network declares, and the levels of a chain with no others."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.problems import Problem
from guidance.chains import CHAINS
from guidance.denoiser import Denoiser

WIDEST = (-20.0, 20.0)


@dataclass(frozen=True)
class Levels:
    """All lambdas in [low, high], or those of `known` (T,) in it."""

    low: float
    high: float
    known: Tensor | None = None

    def nearest(self, logsnrs: Tensor) -> Tensor:
        """The nearest lambdas that there are, float64; two may come out equal."""
        logsnrs = logsnrs.double().clamp(self.low, self.high)
        if self.known is None:
            return logsnrs
        known = self.known[(self.known >= self.low - 1e-9) & (self.known <= self.high + 1e-9)]
        return known[(logsnrs[:, None] - known).abs().argmin(1)]

    def grid(self, logsnrs: Tensor) -> Tensor:
        """A grid of a sampler moved to the nearest lambdas that there are, rising, none twice."""
        return self.nearest(logsnrs).unique()


def levels_of(denoiser: Denoiser, shape: tuple[int, ...], device: str = "cpu") -> Levels:
    """What a denoiser says of itself (logsnr_range, or the chain of an adapter), or else what it answers when it is asked.

    Problem for one that answers at no lambda.
    """
    low, high = WIDEST
    part: Any = denoiser
    while part is not None:
        if (ends := getattr(part, "logsnr_range", None)) is not None:
            low, high = max(low, ends[0]), min(high, ends[1])
        if (chain := getattr(part, "chain", None)) is not None:
            known = chain.logsnrs + 2 * math.log(part.scale)  # its own data have another scale than ours
            low, high = max(low, known[-1].item()), min(high, known[0].item())
            if part.whole:
                return Levels(low, high, known)
        if isinstance(own := getattr(part, "levels", None), tuple):  # of a student of few steps
            return Levels(low, high, torch.tensor(own, dtype=torch.float64))
        part = getattr(part, "network", None)
    why = _refusal(denoiser, torch.tensor([-0.1234, 0.4321]), shape, device)
    if why is None:
        return Levels(low, high)
    for make in CHAINS.values():  # an adapter of somebody's own, of a chain that it does not name
        known = make().logsnrs
        found = Levels(max(low, known[-1].item()), min(high, known[0].item()), known)
        if _refusal(denoiser, found.nearest(torch.tensor([-4.0, 0.0, 4.0])), shape, device) is None:
            return found
    raise Problem(f"the denoiser answers neither at every lambda nor on a chain of 1,000 steps: {why}")


def _refusal(denoiser: Denoiser, logsnrs: Tensor, shape: tuple[int, ...], device: str) -> str | None:
    z = torch.zeros(1, *shape, device=device)
    for value in logsnrs.tolist():
        try:
            denoiser(z, z.new_full((1,), value), torch.zeros(1, dtype=torch.long, device=device))
        except ValueError as error:
            return " ".join(str(error).split())
    return None
