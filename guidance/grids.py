"""Where on the lambda axis a sampler stops: `grid(density, steps)` -> increasing lambdas (steps,), float64.

`density` is the one that was trained on: its ends `min` and `max` bound every grid, its quantiles make the first one.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.chains import CHAINS, Chain
from guidance.schedules import LogSNRDensity


@dataclass(frozen=True)
class EvenInU:
    """Evenly in u, the quantile of the training density (Ho & Salimans, arXiv 2207.12598, Algorithm 2)."""

    name: ClassVar[str] = "u"

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        return density.grid(steps)


@dataclass(frozen=True)
class Nested:
    """u = 1, 1 - 1 / steps, ..., 1 / steps: evenly in u without the clean end, as in Salimans & Ho (arXiv 2202.00512, t = i / N).

    Every second level of a grid is the grid of half as many steps, which progressive distillation needs.
    """

    name: ClassVar[str] = "nested"

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        return density(torch.arange(_at_least_two(steps), 0, -1, dtype=torch.float64) / steps)


@dataclass(frozen=True)
class EvenInLogSNR:
    """Evenly in lambda (Lu et al., arXiv 2206.00927, section 3)."""

    name: ClassVar[str] = "logsnr"

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        return torch.linspace(density.min, density.max, _at_least_two(steps), dtype=torch.float64)


@dataclass(frozen=True)
class Karras:
    """Evenly in s^(1/rho), s = sigma / alpha = e^(-lambda/2) (Karras et al., arXiv 2206.00364, eq. 5)."""

    rho: float = 7.0
    name: ClassVar[str] = "karras"

    def __post_init__(self):
        if not 0 < self.rho < math.inf:
            raise ValueError(f"rho must be positive and finite, not {self.rho}")

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        share = torch.linspace(0, 1, _at_least_two(steps), dtype=torch.float64)
        noisy, clean = -density.min / 2 / self.rho, -density.max / 2 / self.rho  # the logarithms of s^(1/rho) at the ends
        return -2 * self.rho * torch.logaddexp(noisy + (1 - share).log(), clean + share.log())


@dataclass(frozen=True)
class EvenInT:
    """Evenly in the time of a discrete chain, whole or not, as far as its lambdas lie within the density's ends.

    chain: "linear" or "cosine"; chain_steps: its number of steps.
    """

    chain: str = "linear"
    chain_steps: int = 1000
    name: ClassVar[str] = "t"

    def __post_init__(self):
        require_chain(self.chain, self.chain_steps)

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        chain = CHAINS[self.chain](self.chain_steps)
        low, high = max(density.min, chain.logsnrs[-1].item()), min(density.max, chain.logsnrs[0].item())
        if not low < high:
            raise ValueError(f"density lies outside the lambdas of the {self.chain} chain: no level is left")
        first, last = chain.t(torch.tensor([low, high], dtype=torch.float64))
        return chain.logsnr(torch.lerp(first, last, torch.linspace(0, 1, _at_least_two(steps), dtype=torch.float64)))


@dataclass(frozen=True)
class Strided:
    """A strided subset of the whole times of a discrete chain, of those whose lambdas lie within the density's ends.

    spacing: "leading" (0, k, 2k, ... from the clean end), "trailing" (from the noisy end) or "linspace" (both ends, the
    others rounded): Lin et al., arXiv 2305.08891, table 2. ValueError if there are fewer such times than steps.
    """

    chain: str = "linear"
    chain_steps: int = 1000
    spacing: str = "trailing"
    name: ClassVar[str] = "strided"

    def __post_init__(self):
        require_chain(self.chain, self.chain_steps)
        if self.spacing not in ("leading", "trailing", "linspace"):
            raise ValueError(f"spacing must be leading, trailing or linspace, not {self.spacing!r}")

    def __call__(self, density: LogSNRDensity, steps: int) -> Float[Tensor, " steps"]:
        levels = CHAINS[self.chain](self.chain_steps).logsnrs
        levels = levels[(levels >= density.min) & (levels <= density.max)]
        n = len(levels)
        if _at_least_two(steps) > n:
            raise ValueError(f"steps ({steps}) exceeds the {n} steps of the {self.chain} chain within the density's range")
        counted = torch.arange(steps, dtype=torch.float64)
        match self.spacing:
            case "leading":
                times = counted * (n // steps)
            case "trailing":
                times = (n - counted * n / steps).round() - 1  # rounded as times counted from 1, as diffusers does
            case _:
                times = (counted * (n - 1) / (steps - 1)).round()
        return levels[times.long()].sort().values


def require_chain(chain: str, chain_steps: int) -> Chain:
    """The chain. ValueError naming the option if there is none of that name, or with so few steps."""
    if chain not in CHAINS:
        raise ValueError(f"chain must be one of {', '.join(CHAINS)}, not {chain!r}")
    return CHAINS[chain](chain_steps)


def _at_least_two(steps: int) -> int:
    if steps < 2:
        raise ValueError(f"steps must be at least 2 (the two ends of the lambda range), not {steps}")
    return steps


GRIDS = {grid.name: grid for grid in (EvenInU, Nested, EvenInLogSNR, EvenInT, Karras, Strided)}
