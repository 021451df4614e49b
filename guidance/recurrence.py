"""Recurrence: a level is visited several times, each visit one DDIM step onwards and noise back to where it came from.

z' = alpha' x + sigma' eps,   z <- (alpha / alpha') z' + sigma sqrt(1 - e^(l - l')) noise,   l < l'

The second is the forward process from l' back to l, so a perfect denoiser's z stays distributed as it was. The step is DDIM
whatever the sampler is; only the last visit's prediction reaches it, with the z that was arrived at as `StepControl.z`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import ROUNDING, at, distinct_levels
from guidance.methods.method import Method


def next_level(logsnr: Float[Tensor, " b"], levels: Sequence[float]) -> float | None:
    """The first of `levels` above lambda, which all rows share; None at the last. ValueError if they do not share it."""
    found = distinct_levels(logsnr)
    smallest, largest = found[0], found[-1]
    if largest - smallest > ROUNDING:
        raise ValueError(f"recurrence takes a batch at one lambda, not from {smallest:g} to {largest:g}")
    return min((level for level in levels if level > largest + ROUNDING), default=None)


def ddim_step(pred: Prediction, next_logsnr: float) -> Tensor:
    """z at `next_logsnr` by one deterministic step from the prediction."""
    alpha, sigma = alpha_sigma(at(next_logsnr, pred.x), pred.x)
    return alpha * pred.x + sigma * pred.eps


def noised_back(
    z: Float[Tensor, "b *shape"], next_logsnr: float, logsnr: Float[Tensor, " b"], noise: Float[Tensor, "b *shape"]
) -> Float[Tensor, "b *shape"]:
    """z of `next_logsnr` diffused to the lower `logsnr`; a share e^(l - l') of its variance sigma^2 is kept, the rest is new."""
    reached = at(next_logsnr, z)
    alpha, sigma = alpha_sigma(logsnr, z)
    renewed = -torch.expm1(logsnr - reached).reshape(alpha.shape)
    return alpha / alpha_sigma(reached, z)[0] * z + sigma * renewed.sqrt() * noise


def recurring(guided: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor], times: int) -> Denoiser:
    """`guided` called `times` times at every level but the last, a step onwards and back in between; requires "moved_z"."""

    def visiting(z, logsnr, label):
        next_logsnr = next_level(logsnr, levels)
        start = z
        for _ in range(times - 1):
            if next_logsnr is None:
                break
            z = noised_back(ddim_step(guided(z, logsnr, label), next_logsnr), next_logsnr, logsnr, noise().to(z))
        pred = guided(z, logsnr, label)
        return pred if z is start or pred.control.z is not None else pred.with_control(z=z)

    return visiting


@dataclass(frozen=True)
class Recurrent(Method, requires_sampler=("moved_z",)):
    """Base of the methods that may visit a level several times: they write `once`, and get the rest.

    recurrences: visits to each level, 1 or more; 1 is no recurrence. What a class requires does not depend on it.
    """

    recurrences: int = 1

    def __init_subclass__(cls, nfe_per_visit: NFE | None = None, **declared: Any):
        """As of every method; nfe_per_visit: what one visit costs, or a property of that name."""
        super().__init_subclass__(**declared)
        if nfe_per_visit is not None:
            cls.nfe_per_visit = nfe_per_visit  # type: ignore[method-assign, assignment]  # in place of the property

    def __post_init__(self):
        super().__post_init__()
        if self.recurrences < 1:
            raise ValueError(f"recurrences must be 1 or more, not {self.recurrences}")

    def once(self, *roles: Any) -> Denoiser:
        """The guided denoiser of one visit, of all the roles; the last two are "levels" and "noise"."""
        raise NotImplementedError

    @property
    def nfe_per_visit(self) -> NFE:
        """What one visit costs."""
        raise NotImplementedError(f"{self.name} declares no nfe_per_visit")

    @property
    def nfe_per_call(self) -> NFE:
        """What a guided call costs at every level but the last."""
        return self.nfe_per_visit * self.recurrences

    def guided(self, *roles: Any) -> Denoiser:
        """`once`, recurring."""
        levels, noise = roles[-2:]
        return recurring(self.once(*roles), levels, noise, self.recurrences)

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method; the last level, where there is nowhere to step to, is visited once."""
        last = sum(self.acts(logsnr) for logsnr in logsnrs if logsnr > max(logsnrs) - ROUNDING)
        return super().nfe(logsnrs) + self.nfe_per_visit * (last * (1 - self.recurrences))
