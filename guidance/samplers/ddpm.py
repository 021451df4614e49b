"""DDPM (Ho, Jain & Abbeel, arXiv 2006.11239, Algorithm 2): the ancestral sampler with one of its two variances.

beta_t = 1 - alpha^2 / alpha'^2 = (1 - e^(l - l')) sigma^2, which is the ancestral sampler's larger variance (v = 1);
beta~_t = beta_t sigma'^2 / sigma^2 is its smaller one (v = 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.samplers.ancestral import Ancestral

VARIANCES = {"beta": 1.0, "beta-tilde": 0.0}  # v of the ancestral sampler


@dataclass(frozen=True)
class DDPM:
    """variance: "beta", right for data that is itself N(0, I), or "beta-tilde", right for data that is one point."""

    variance: str = "beta"
    name: ClassVar[str] = "ddpm"
    order: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    capabilities: ClassVar[tuple[str, ...]] = Ancestral.capabilities

    def __post_init__(self):
        if self.variance not in VARIANCES:
            raise ValueError(f"variance must be one of {', '.join(VARIANCES)}, not {self.variance!r}")

    def calls(self, levels: int) -> int:
        """Denoiser calls over a grid of so many levels."""
        return levels

    def __call__(
        self,
        denoiser: Denoiser,
        z: Float[Tensor, "b *shape"],
        logsnrs: Float[Tensor, " levels"],
        label: Label,
        noise: Callable[[], Tensor],
    ) -> Float[Tensor, "b *shape"]:
        """x (b, *shape) from z ~ N(0, I) at logsnrs[0], which increase; the last call's x is the sample."""
        return Ancestral(VARIANCES[self.variance])(denoiser, z, logsnrs, label, noise)
