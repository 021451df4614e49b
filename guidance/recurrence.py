"""Recurrence: a level is visited several times, each visit one DDIM step onwards and noise back to where it came from.

z' = alpha' x + sigma' eps,   z <- (alpha / alpha') z' + sigma sqrt(1 - e^(l - l')) noise,   l < l'

The second is the forward process from l' back to l, so a perfect denoiser's z stays distributed as it was. The step is DDIM
whatever the sampler is; only the last visit's belief reaches it, with the z that was arrived at as `Prediction.z`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, alpha_sigma
from guidance.methods.method import Method

ROUNDING = 1e-4  # a lambda that went through float32 is still the same level


def next_level(logsnr: Float[Tensor, " b"], levels: Sequence[float]) -> float | None:
    """The first of `levels` above lambda, which all rows share; None at the last. ValueError if they do not share it."""
    least, most = logsnr.min().item(), logsnr.max().item()
    if most - least > ROUNDING:
        raise ValueError(f"recurrence takes a batch at one lambda, not from {least:g} to {most:g}")
    return min((level for level in levels if level > most + ROUNDING), default=None)


def ddim_step(belief: Prediction, next_logsnr: float) -> Tensor:
    """z at `next_logsnr` by one deterministic step from what is believed."""
    alpha, sigma = alpha_sigma(belief.x.new_full((len(belief.x),), next_logsnr), belief.x)
    return alpha * belief.x + sigma * belief.eps


def noised_back(
    z: Float[Tensor, "b *shape"], next_logsnr: float, logsnr: Float[Tensor, " b"], noise: Float[Tensor, "b *shape"]
) -> Float[Tensor, "b *shape"]:
    """z of `next_logsnr` diffused to the lower `logsnr`; its variance sigma^2 is made of e^(l - l') old and the rest new."""
    next_logsnr = torch.full_like(logsnr, next_logsnr)
    alpha, sigma = alpha_sigma(logsnr, z)
    fresh = -torch.expm1(logsnr - next_logsnr).reshape(alpha.shape)
    return alpha / alpha_sigma(next_logsnr, z)[0] * z + sigma * fresh.sqrt() * noise


def recurring(guided: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor], times: int) -> Denoiser:
    """`guided` asked `times` times at every level but the last, stepping onwards and back in between; ask of the sampler "z"."""

    def visiting(z, logsnr, label):
        following = next_level(logsnr, levels)
        again = 0 if following is None else times - 1
        start = z
        for _ in range(again):
            z = noised_back(ddim_step(guided(z, logsnr, label), following), following, logsnr, noise().to(z))
        belief = guided(z, logsnr, label)
        return belief if z is start or belief.z is not None else belief._replace(z=z)

    return visiting


@dataclass(frozen=True)
class Recurrent(Method):
    """Base of the methods that may visit a level several times: they write `once`, and get the rest.

    recurrences: visits to each level, 1 or more; 1 is no recurrence. The roles and asks of a class do not depend on it.
    """

    recurrences: int = 1
    asks: ClassVar[tuple[str, ...]] = ("z",)

    def __post_init__(self):
        super().__post_init__()
        if self.recurrences < 1:
            raise ValueError(f"recurrences must be 1 or more, not {self.recurrences}")

    def once(self, *roles: Any) -> Denoiser:
        """The guided denoiser of one visit, of all the roles; the last two are "levels" and "noise"."""
        raise NotImplementedError

    @property
    def visit(self) -> NFE:
        """What one visit costs."""
        raise NotImplementedError

    @property
    def price(self) -> NFE:
        """What a guided call costs at every level but the last."""
        return self.visit * self.recurrences

    def guided(self, *roles: Any) -> Denoiser:
        """`once`, recurring."""
        return recurring(self.once(*roles), *roles[-2:], self.recurrences)

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method; the last level, where there is nowhere to step to, is visited once."""
        last = sum(self.acts(logsnr) for logsnr in logsnrs if logsnr > max(logsnrs) - ROUNDING)
        return super().nfe(logsnrs) + self.visit * (last * (1 - self.recurrences))
