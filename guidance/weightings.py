"""Weightings of the denoising loss: how much the error of eps, x or v at a lambda counts.

With the error e of eps, x is off by -(sigma / alpha) e and v by e / alpha, so that the three mean squared errors are one
function of lambda apart, and a weighting of one is a weighting of all (Kingma & Gao, arXiv 2303.00848, table 1).

A weight multiplies the error of a lambda that was drawn from the density p of training. Kingma & Gao integrate over lambda
instead: their w(lambda) is p(lambda) times twice the weight here, so that the density that is trained on counts too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

EPS_ERROR: dict[str, Callable[[Tensor], Tensor]] = {  # what a target's own squared error is multiplied by to become that of eps
    "eps": torch.ones_like,
    "x": torch.exp,
    "v": torch.sigmoid,
}


@dataclass(frozen=True)
class Simple:
    """No weight in the target's own space: L_simple of Ho et al. (arXiv 2006.11239, eq. 14) if that is eps."""

    name: ClassVar[str] = "simple"

    def __call__(self, logsnr: Float[Tensor, " b"], target: str) -> Float[Tensor, " b"]:
        return torch.ones_like(logsnr)


@dataclass(frozen=True)
class OnEps:
    """Weight 1 on the error of eps. With lambda uniform in training this is the variational bound, up to a constant."""

    name: ClassVar[str] = "eps"

    def __call__(self, logsnr: Float[Tensor, " b"], target: str) -> Float[Tensor, " b"]:
        """What the target's own squared error is multiplied by."""
        return self.on_eps(logsnr) * EPS_ERROR[target](logsnr)

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The weight of the error of eps."""
        return torch.ones_like(logsnr)


@dataclass(frozen=True)
class OnX(OnEps):
    """Weight 1 on the error of x: e^-lambda on that of eps."""

    name: ClassVar[str] = "x"

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return torch.exp(-logsnr)


@dataclass(frozen=True)
class OnV(OnEps):
    """Weight 1 on the error of v, 1 + e^-lambda on that of eps ("SNR + 1", Salimans & Ho, arXiv 2202.00512)."""

    name: ClassVar[str] = "v"

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return 1 + torch.exp(-logsnr)


@dataclass(frozen=True)
class MinSNR(OnEps):
    """min(SNR, gamma) on the error of x, hence min(1, gamma / SNR) on that of eps (Hang et al., arXiv 2303.09556)."""

    gamma: float = 5.0
    name: ClassVar[str] = "min-snr"

    def __post_init__(self):
        require_positive(gamma=self.gamma)

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return (self.gamma * torch.exp(-logsnr)).clamp(max=1)


@dataclass(frozen=True)
class TruncatedSNR(OnEps):
    """max(SNR, 1) on the error of x, hence max(1, e^-lambda) on that of eps (Salimans & Ho, arXiv 2202.00512, section 4)."""

    name: ClassVar[str] = "truncated-snr"

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return torch.exp(-logsnr).clamp(min=1)


@dataclass(frozen=True)
class P2(OnEps):
    """1 / (k + SNR)^gamma on the error of eps (Choi et al., arXiv 2204.00227, eq. 8)."""

    k: float = 1.0
    gamma: float = 1.0
    name: ClassVar[str] = "p2"

    def __post_init__(self):
        require_positive(k=self.k, gamma=self.gamma)

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return torch.exp(-self.gamma * torch.logaddexp(torch.full_like(logsnr, math.log(self.k)), logsnr))


@dataclass(frozen=True)
class Sigmoid(OnEps):
    """sigmoid(bias - lambda) on the error of eps (Hoogeboom et al., arXiv 2410.19324; Kingma & Gao, table 1).

    Theirs is integrated over lambda: it is this one if the density that is trained on is uniform in lambda.
    """

    bias: float = 2.0
    name: ClassVar[str] = "sigmoid"

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return torch.sigmoid(self.bias - logsnr)


@dataclass(frozen=True)
class EDM(OnEps):
    """(s^2 + d^2) / (s d)^2 on the error of x, s = e^(-lambda/2) and d = sigma_data: 1 + e^-lambda / d^2 on that of eps.

    Karras et al., arXiv 2206.00364, table 1.
    """

    sigma_data: float = 0.5
    name: ClassVar[str] = "edm"

    def __post_init__(self):
        require_positive(sigma_data=self.sigma_data)

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        return 1 + torch.exp(-logsnr) / self.sigma_data**2


@dataclass(frozen=True)
class ELBO(OnEps):
    """1 / (2 p(lambda)) on the error of eps: the steps of the variational bound at infinitely many levels, per dimension in nats.

    density: p of the lambdas that are trained on, as `LogSNRDensity.density` gives it; None where a training is to put in its
    own. Kingma & Gao, section 2.
    """

    density: "Callable[[Tensor], Tensor] | None" = None
    name: ClassVar[str] = "elbo"

    def on_eps(self, logsnr: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        if self.density is None:
            raise ValueError("elbo needs the density of the lambdas that are trained on: ELBO(density=CosineLogSNR().density)")
        return 1 / (2 * self.density(logsnr))


def require_positive(**options: float) -> None:
    """ValueError naming the first option that is not positive and finite."""
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {value}")


WEIGHTINGS = {weighting.name: weighting for weighting in (Simple, OnEps, OnX, OnV, MinSNR, TruncatedSNR, P2, Sigmoid, EDM, ELBO)}
