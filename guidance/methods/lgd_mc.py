"""Loss-guided diffusion (LGD-MC). Song et al., 2023, ICML (PMLR 202), the Monte Carlo estimate.

eps~ = eps(z, c) - w sigma grad_z log (1/n) sum_i exp(-loss(x(z, c) + r xi_i)),   r = sigma, xi_i normal

p(x | z) is taken to be N(x(z), r^2): the paper's r = s / sqrt(1 + s^2) of its variance-exploding s = sigma / alpha is our sigma,
the exact width for data of unit variance. The mean is inside the logarithm. (Re-implementations divide by n again, or average
gradients.) The paper's printed formulas were read in a public digest and in two re-implementations, not in the paper itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, climbing, gradient_through, smoothed
from guidance.methods.method import Method


@dataclass(frozen=True)
class LGDMC(Method):
    """As image-loss, of the likelihood exp(-loss) averaged over a Gaussian around the model's x.

    samples: n, each a pass through the loss; the denoiser is asked once.
    """

    samples: int = 10
    name: ClassVar[str] = "lgd-mc"
    family: ClassVar[str] = "gradient"
    roles: ClassVar[tuple[str, ...]] = ("model", "loss", "noise")
    needs: ClassVar[tuple[str, ...]] = ("gradient",)

    def __post_init__(self):
        super().__post_init__()
        if self.samples < 1:
            raise ValueError(f"samples must be 1 or more, not {self.samples}")

    @property
    def price(self) -> NFE:
        """One pass through the denoiser, there and back, and `samples` through the loss."""
        return NFE(1, 1, self.samples, self.samples)

    def guided(self, model: Denoiser, loss: Loss, noise: Callable[[], Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            _, sigma = alpha_sigma(logsnr, z)
            blurred = smoothed(loss, [sigma * noise().to(z) for _ in range(self.samples)])
            belief, _, slope = gradient_through(model, blurred, z, logsnr, label)
            return climbing(belief, -self.w * slope, z, logsnr)

        return guided
