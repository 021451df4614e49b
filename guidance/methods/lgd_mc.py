"""Loss-guided diffusion (LGD-MC). Song et al., 2023, ICML (PMLR 202), the Monte Carlo estimate.

eps~ = eps(z, c) - w sigma grad_z log (1/n) sum_i exp(-loss(x(z, c) + r xi_i)),   r = sigma, xi_i normal

p(x | z) is taken to be N(x(z), r^2): the paper's r = s / sqrt(1 + s^2) of its variance-exploding s = sigma / alpha is our sigma,
the exact width for data of unit variance. The mean is inside the logarithm. (Re-implementations divide by n again, or average
gradients.) The paper's printed formulas were read in a public digest and in two re-implementations, not in the paper itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, add_score, gradient_through, smoothed
from guidance.methods.method import Method


@dataclass(frozen=True)
class LGDMC(Method, name="lgd-mc", family="gradient", roles=("model", "loss", "noise"), requires_model=("gradient",)):
    """As image-loss, of the likelihood exp(-loss) averaged over a Gaussian around the model's x.

    samples: n, each a pass through the loss; the denoiser is evaluated once.
    """

    samples: int = 10

    def __post_init__(self):
        super().__post_init__()
        if self.samples < 1:
            raise ValueError(f"samples must be 1 or more, not {self.samples}")

    @property
    def nfe_per_call(self) -> NFE:
        """One pass through the denoiser, there and back, and `samples` through the loss."""
        return NFE(1, 1, self.samples, self.samples)

    def guided(self, model: Denoiser, loss: Loss, noise: Callable[[], Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            _, sigma = alpha_sigma(logsnr, z)
            smoothed_loss = smoothed(loss, [sigma * noise().to(z) for _ in range(self.samples)])
            pred, _, grad = gradient_through(model, smoothed_loss, z, logsnr, label)
            return add_score(pred, -self.w * grad, z, logsnr)

        return guided
