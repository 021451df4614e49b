"""FreeDoM. Yu et al., 2023, arXiv 2303.09833, Algorithm 1 and time travel.

z' <- z' - rho grad_z loss(x(z, c)),   after a step z -> z' of the sampler

The state moves after every step, however long the step is. The move is made before it, as z and x that the step takes to the
same z'; the last call moves x. The paper's energies are distances. Time travel is recurrence: its steps are DDIM here, where the
authors draw them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, gradient_through, shift_x
from guidance.level import alpha_sigma_at
from guidance.recurrence import Recurrent, next_level
from guidance.spaces import norm


@dataclass(frozen=True)
class FreeDoM(
    Recurrent,
    name="freedom",
    family="gradient",
    roles=("model", "loss", "levels", "noise"),
    requires_model=("gradient",),
    nfe_per_visit=NFE(denoiser_forward=1, denoiser_backward=1, classifier_forward=1, classifier_backward=1),
):
    """Moves the next state down the gradient of a loss of the model's x.

    w: 0.1 is the authors' default, 0.2 to 500 their tasks'. rule: of rho. "alpha": w alpha, theirs for faces; "rms": w times
    the root mean square of sigma eps / alpha as the step takes it over that of the gradient, of each sample (they: of the
    batch), theirs for ImageNet with w = 0.02. Their third rule needs classifier-free guidance as well and is left out.
    recurrences: visits to each level, 1 or more; theirs are 1, and 10 in a window for ImageNet.
    """

    w: float = 0.1
    rule: str = "alpha"

    def __post_init__(self):
        super().__post_init__()
        if self.rule not in ("alpha", "rms"):
            raise ValueError(f"rule must be alpha or rms, not {self.rule!r}")

    def once(self, model: Denoiser, loss: Loss, levels: tuple[float, ...], noise: Callable[[], Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            pred, _, grad = gradient_through(model, loss, z, logsnr, label)
            next_logsnr = next_level(logsnr, levels)
            next_alpha = 1.0 if next_logsnr is None else alpha_sigma_at(next_logsnr)[0]
            return shift_x(pred, -self._rho(pred.eps, grad, logsnr, next_logsnr) / next_alpha * grad, z, logsnr)

        return guided

    def _rho(self, eps: Tensor, grad: Tensor, logsnr: Tensor, next_logsnr: float | None) -> Tensor:
        alpha, sigma = alpha_sigma(logsnr, eps)
        if self.rule == "alpha":
            return self.w * alpha
        last = math.inf if next_logsnr is None else next_logsnr
        coef_x = alpha_sigma_at(last)[0] * -torch.expm1(logsnr - last).reshape(alpha.shape)  # of x in a step of the sampler
        return self.w * coef_x * sigma / alpha * norm(eps) / norm(grad).clamp(min=1e-30)
