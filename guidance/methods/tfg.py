"""Training-free guidance (TFG). Ye et al., 2024, arXiv 2409.15761, Algorithm 1.

x <- x(z, c) + rho grad_z L / alpha + D,   D: N steps of D <- D + mu grad_x L(x + D),   eps stays;   L = log p~, blurred

L(x) = log mean_i exp(-loss(x + s xi_i)), the draws the same for both gradients. The paper's z' = step(z) + (alpha' / alpha) rho
grad_z L + alpha' D is a step from x and z so moved. What methods before it do are points of it, which a test holds to rounding:
image-loss and dps (score, rho "score", mu 0, s 0), lgd-mc (the same, s "sigma" 1), universal (score, rho "score", mu "constant"),
freedom (step, rho "freedom", mu 0), mpgd (step, rho 0, mu "constant"). The authors clip gradients at 100, which is left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, gradient, gradient_through, shift_x, smoothed
from guidance.level import alpha_sigma_at, level_of
from guidance.recurrence import Recurrent, next_level
from guidance.spaces import from_space

RATES = ("increase", "decrease", "constant", "score", "freedom")


def rate(name: str, logsnr: float, levels: tuple[float, ...]) -> float:
    """The size of a step at one of `levels`: the first three have mean 1 over them."""
    if name == "score":
        return alpha_sigma_at(logsnr)[1] ** 2
    alpha2 = [alpha_sigma_at(level)[0] ** 2 for level in levels] + [1.0]
    at = min(range(len(levels)), key=lambda i: abs(levels[i] - logsnr))
    if name == "freedom":
        return alpha2[at] / math.sqrt(alpha2[at + 1])
    ratios = [ratio / next_alpha2 for ratio, next_alpha2 in zip(alpha2, alpha2[1:])]
    sizes = {"increase": ratios, "decrease": [1 - ratio for ratio in ratios], "constant": [1.0] * len(ratios)}[name]
    return sizes[at] * len(sizes) / sum(sizes)


@dataclass(frozen=True)
class TFG(Recurrent, name="tfg", family="gradient", roles=("model", "loss", "levels", "noise"), requires_model=("gradient",)):
    """Descends a loss of the model's x, blurred, through the model and in x itself, and again at the same level.

    w: multiplies rho and mu. rho, mu: step sizes, 0 leaves the part out; rho_rate, mu_rate: how they vary over the levels:
    "increase" as alpha^2 / alpha'^2, "decrease" as 1 - that, "constant", "score" as sigma^2, "freedom" as alpha^2 / alpha'.
    iterations: N. blur: s, in units of sigma ("sigma") or of x ("constant") by blur_rate, 0 for none; samples: draws of it.
    enters: "step": eps stays as it was, as in the paper; "score": eps follows x at the same z. recurrences: visits to each level.
    """

    rho: float = 1.0
    mu: float = 1.0
    rho_rate: str = "increase"
    mu_rate: str = "increase"
    iterations: int = 1
    blur: float = 0.01
    blur_rate: str = "sigma"
    samples: int = 4
    enters: str = "step"

    def __post_init__(self):
        super().__post_init__()
        choices = {"rho_rate": RATES, "mu_rate": RATES, "blur_rate": ("sigma", "constant"), "enters": ("step", "score")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name in ("rho", "mu", "blur"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not negative, not {getattr(self, name)}")
        for name in ("iterations", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.rho == self.mu == 0:
            raise ValueError("rho and mu must not both be 0: nothing would be guided")

    @property
    def nfe_per_visit(self) -> NFE:
        """One pass through the denoiser, back too if rho is not 0, and one of the loss for each draw of each gradient."""
        uses_model_grad = int(self.rho > 0)
        each = (self.samples if self.blur else 1) * (uses_model_grad + self.iterations * (self.mu > 0))
        return NFE(1, uses_model_grad, each, each)

    def once(self, model: Denoiser, loss: Loss, levels: tuple[float, ...], noise: Callable[[], Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            next_level(logsnr, levels)  # refuses a batch at several lambdas
            alpha, sigma = alpha_sigma(logsnr, z)
            width = self.blur * (sigma if self.blur_rate == "sigma" else 1.0)
            blurred = smoothed(loss, [width * noise().to(z) for _ in range(self.samples)]) if self.blur else loss
            rho, mu = (
                self.w * size * rate(name, level_of(logsnr), levels)
                for size, name in ((self.rho, self.rho_rate), (self.mu, self.mu_rate))
            )
            pred, step = (model(z, logsnr, label), 0.0) if not self.rho else self._model_grad(model, blurred, z, logsnr, label)
            delta = torch.zeros_like(pred.x)
            for _ in range(self.iterations if self.mu else 0):
                delta = delta - mu * gradient(blurred, pred.x + delta, label)
            delta = delta - rho / alpha * step
            if self.enters == "step":
                return shift_x(pred, delta, z, logsnr)
            return from_space(pred, pred.x + delta, "x", z, logsnr)

        return guided

    def _model_grad(self, model: Denoiser, loss: Loss, z: Tensor, logsnr: Tensor, label: Tensor | None):
        pred, _, grad = gradient_through(model, loss, z, logsnr, label)
        return pred, grad
