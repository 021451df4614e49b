"""Discrete chains of T noise levels, t = 0 (clean) to T - 1 (noise), and their exact lambda(t), both ways.

alpha_t^2 = prod_{s <= t} (1 - beta_s),   lambda(t) = log(alpha_t^2 / (1 - alpha_t^2)). Checkpoints of others
are conditioned on t; everything here on lambda.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from jaxtyping import Float, Real
from torch import Tensor

Number = TypeVar("Number", float, Tensor)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain by its betas (T,), each within (0, 1), T at least 2; computed in float64. ValueError for any other."""

    betas: Float[Tensor, " T"]

    def __post_init__(self):
        if len(self.betas) < 2 or not ((self.betas > 0) & (self.betas < 1)).all():
            raise ValueError("betas must be two or more values between 0 and 1")
        if not (self.logsnrs.diff() < 0).all():
            raise ValueError("betas must be large enough for lambda to fall at every step in float64")

    @cached_property
    def logsnrs(self) -> Float[Tensor, " T"]:
        """lambda(0), ..., lambda(T - 1), falling; exact also where alpha^2 is nearly 1 (expm1)."""
        log_alpha2 = torch.log1p(-self.betas.double()).cumsum(0)
        return log_alpha2 - torch.log(-torch.expm1(log_alpha2))

    def logsnr(self, t: Real[Tensor, " n"]) -> Float[Tensor, " n"]:
        """lambda at times t in [0, T - 1], whole or not; between two whole ones linear in t. ValueError outside."""
        last = len(self.betas) - 1
        if not ((t >= 0) & (t <= last)).all():
            raise ValueError(f"t must lie between 0 and {last}, the ends of the chain")
        levels, t = self.logsnrs.to(t.device), t.double()
        index = t.floor().long().clamp(max=last - 1)
        return torch.lerp(levels[index], levels[index + 1], t - index)

    def t(self, logsnr: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The time in [0, T - 1], float64 and in general not whole, at which the chain has this lambda.

        ValueError outside the chain's range, where a billionth outside still counts as its end.
        """
        low, high = self.logsnrs[-1].item(), self.logsnrs[0].item()
        levels, logsnr = self.logsnrs.to(logsnr.device), logsnr.double()
        if not ((logsnr >= low - 1e-9) & (logsnr <= high + 1e-9)).all():
            raise ValueError(f"logsnr must lie between {low:.4f} and {high:.4f}, the ends of the chain")
        logsnr = logsnr.clamp(low, high)
        after = torch.searchsorted(-levels, -logsnr).clamp(1, len(levels) - 1)
        early, late = levels[after - 1], levels[after]
        return after - 1 + (logsnr - early) / (late - early)


def linear(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Chain:
    """betas evenly spaced from `first` to `last` (Ho, Jain & Abbeel, arXiv 2006.11239, section 4)."""
    return Chain(torch.linspace(first, last, _at_least_two(steps), dtype=torch.float64))


def cosine(steps: int = 1000, offset: float = 0.008, beta_max: float = 0.999) -> Chain:
    """alpha_t^2 = f(t) / f(0) with f(t) = cos^2((t / T + offset) / (1 + offset) pi / 2), no beta above `beta_max`.

    Nichol & Dhariwal, arXiv 2102.09672, eq. 17; t counts from 1 there.
    """
    time = torch.arange(_at_least_two(steps) + 1, dtype=torch.float64) / steps
    f = torch.cos(_angle(time, offset)) ** 2
    return Chain((1 - f[1:] / f[:-1]).clamp(max=beta_max))


def cosine_logsnr(time: Float[Tensor, " n"], offset: float = 0.008) -> Float[Tensor, " n"]:
    """lambda of the cosine chain in continuous time, without its cut of beta; float64. `cosine` has t = T time - 1.

    time in (0, 1), from clean to noise; lambda = 2 log cos b - log(sin(b - a) sin(b + a)) at the angles a of time 0 and b.
    """
    if not ((time > 0) & (time < 1)).all():
        raise ValueError("time must lie between 0 and 1, the ends excluded, where lambda is infinite")
    clean = _angle(0.0, offset)
    angle = _angle(time.double(), offset)
    return 2 * angle.cos().log() - torch.log((angle - clean).sin() * (angle + clean).sin())


def cosine_time(logsnr: Float[Tensor, " n"], offset: float = 0.008) -> Float[Tensor, " n"]:
    """The inverse of `cosine_logsnr`; float64. cos^2 b = alpha^2 cos^2 a, and sin^2 b is what remains."""
    clean, logsnr = _angle(0.0, offset), logsnr.double()
    sin2 = math.sin(clean) ** 2 + math.cos(clean) ** 2 * torch.sigmoid(-logsnr)  # as 1 - cos^2 b, without its cancellation
    angle = torch.atan2(sin2.sqrt(), math.cos(clean) * torch.sigmoid(logsnr).sqrt())
    return angle * 2 / math.pi * (1 + offset) - offset


def _angle(time: Number, offset: float) -> Number:
    """b of Nichol & Dhariwal's alpha^2 = cos^2 b / cos^2 a."""
    return (time + offset) / (1 + offset) * math.pi / 2


def _at_least_two(steps: int) -> int:
    if steps < 2:
        raise ValueError(f"steps of a chain must be at least 2, not {steps}")
    return steps


CHAINS = {"linear": linear, "cosine": cosine}
