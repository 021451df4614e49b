"""Densities of lambda: which noise levels are trained on. Each is the quantile function of a distribution cut to [min, max].

`density(u)` is lambda at the quantile u, falling from max (u = 0, clean) to min (u = 1, noise); `density.density(logsnr)`
is p(lambda) = |du / dlambda|; `density.grid(steps)` are levels evenly spaced in u, as Ho & Salimans sample.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

Number = TypeVar("Number", float, Tensor)
FARTHEST = 60.0  # beyond it alpha or sigma leaves float32


@dataclass(frozen=True)
class LogSNRDensity:
    """What all of them share; a subclass gives `_logsnr(u)` and `_density(logsnr)` in float64.

    Raises ValueError unless -60 <= min < max <= 60.
    """

    min: float = -20.0
    max: float = 20.0

    def __post_init__(self):
        if not -FARTHEST <= self.min < self.max <= FARTHEST:
            raise ValueError(f"logsnr needs min < max within [-{FARTHEST}, {FARTHEST}], not [{self.min}, {self.max}]")

    def __call__(self, u: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """lambda at the quantiles `u` in [0, 1]; the arithmetic is float64, the result has u's dtype."""
        return self._logsnr(u.double()).to(u.dtype)

    def density(self, logsnr: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """p(lambda), which integrates to 1 over [min, max] and is 0 outside; computed in float64, in logsnr's dtype."""
        inside = (logsnr >= self.min) & (logsnr <= self.max)
        return torch.where(inside, self._density(logsnr.double()), 0.0).to(logsnr.dtype)

    def grid(self, steps: int) -> Float[Tensor, " steps"]:
        """`steps` values from min to max, u evenly spaced (Algorithm 2 of Ho & Salimans); float64."""
        if steps < 2:
            raise ValueError(f"steps must be at least 2 (the two ends of the lambda range), not {steps}")
        return self(torch.linspace(1, 0, steps, dtype=torch.float64))

    def _logsnr(self, u: Tensor) -> Tensor:
        raise NotImplementedError

    def _density(self, logsnr: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class CosineLogSNR(LogSNRDensity):
    """The paper's truncated cosine density: lambda = -2 log tan(a u + b). Ho & Salimans, arXiv 2207.12598, section 2.

    b = arctan(exp(-max / 2)), a = arctan(exp(-min / 2)) - b; p(lambda) is proportional to sech(lambda / 2).
    """

    name: ClassVar[str] = "cosine"

    def _ends(self) -> tuple[float, float]:
        b = math.atan(math.exp(-self.max / 2))
        return math.atan(math.exp(-self.min / 2)) - b, b

    def _logsnr(self, u: Tensor) -> Tensor:
        a, b = self._ends()
        return -2 * torch.log(torch.tan(a * u + b))

    def _density(self, logsnr: Tensor) -> Tensor:
        return 1 / (4 * self._ends()[0] * torch.cosh(logsnr / 2))


@dataclass(frozen=True)
class UniformLogSNR(LogSNRDensity):
    """lambda uniform on [min, max]: the weight of the variational bound (Kingma et al., arXiv 2107.00630)."""

    name: ClassVar[str] = "uniform"

    def _logsnr(self, u: Tensor) -> Tensor:
        return self.max + (self.min - self.max) * u

    def _density(self, logsnr: Tensor) -> Tensor:
        return torch.full_like(logsnr, 1 / (self.max - self.min))


@dataclass(frozen=True)
class NormalLogSNR(LogSNRDensity):
    """-lambda / 2 = log(sigma / alpha) ~ N(mean, std^2), cut to [min, max]: lambda itself is N(-2 mean, (2 std)^2)."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not (math.isfinite(self.mean) and 0 < self.std < math.inf):
            raise ValueError(f"mean must be finite and std positive, not {self.mean} and {self.std}")
        if not self._share() > 1e-290:
            raise ValueError(f"min and max leave less than 1e-290 of the normal density with mean {self.mean} and std {self.std}")

    def _z(self, logsnr: Number) -> Number:
        """lambda in standard deviations above the mean of log(sigma / alpha): it grows with noise, as u does."""
        return (-logsnr / 2 - self.mean) / self.std

    def _share(self) -> float:
        """The mass of the whole normal between the ends, by the difference of whatever is small: tails, or erf about 0."""
        low, high = self._z(self.max), self._z(self.min)
        if low < 0 < high:
            return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
        return abs(_below(-abs(high)) - _below(-abs(low)))

    def _logsnr(self, u: Tensor) -> Tensor:
        # each half of the line by its own tail's mass: 1 - tail would round away all that is left of a far one
        below = _below(self._z(self.max)) + self._share() * u
        above = _below(-self._z(self.min)) + self._share() * (1 - u)
        z = torch.where(below < above, torch.special.ndtri(below), -torch.special.ndtri(above))
        logsnr = (-2 * (self.mean + self.std * z)).clamp(self.min, self.max)
        return torch.where(u == 0, self.max, torch.where(u == 1, self.min, logsnr))  # not what rounding makes of the ends

    def _density(self, logsnr: Tensor) -> Tensor:
        return torch.exp(-(self._z(logsnr) ** 2) / 2) / (2 * self.std * math.sqrt(2 * math.pi) * self._share())


def _below(z: float) -> float:
    """The mass of a standard normal below z, of full relative precision in the lower tail."""
    return math.erfc(-z / math.sqrt(2)) / 2


@dataclass(frozen=True)
class LogitNormal(NormalLogSNR):
    """logit(s) ~ N(mean, std^2) for the time s of z = (1 - s) x + s eps: lambda = -2 logit(s). Esser et al., arXiv 2403.03206."""

    name: ClassVar[str] = "logit-normal"


@dataclass(frozen=True)
class EDMLogNormal(NormalLogSNR):
    """log(sigma / alpha) ~ N(mean, std^2), so that lambda = -2 log(sigma / alpha). Karras et al., arXiv 2206.00364, table 1.

    EDM's own data have a standard deviation of 0.5: for data of another one shift `mean` by the logarithm of the ratio.
    """

    mean: float = -1.2
    std: float = 1.2
    name: ClassVar[str] = "edm-log-normal"


DENSITIES = {density.name: density for density in (CosineLogSNR, UniformLogSNR, LogitNormal, EDMLogNormal)}
