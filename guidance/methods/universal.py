"""Universal guidance. Bansal et al., 2023, arXiv 2302.07121, Algorithm 1, eqs. 6 and 7.

eps~ = eps(z, c) + w sigma grad_z loss(x(z, c)) - (alpha / sigma) D,   D: m steps of gradient descent of loss(x + D) from D = 0

Forward guidance, backward guidance and recurrence. The first alone is image-loss. The paper runs k = 2 to 10 recurrences, m = 0
but for a few tasks, and w from 2 to 20000 by task. The roles "levels" and "noise" and a sampler with moved_z are only used by
recurrence, but are always required.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Loss, add_score, gradient, gradient_through
from guidance.recurrence import Recurrent
from guidance.spaces import from_space


@dataclass(frozen=True)
class Universal(
    Recurrent, name="universal", family="gradient", roles=("model", "loss", "levels", "noise"), requires_model=("gradient",)
):
    """Descends any loss of the model's x: as a function of z, of x itself, and again at the same level.

    w: 2 is the authors' for CLIP on ImageNet. backward_steps: m; backward_rate: of each of them, in units of w, so that w -> 0 is
    the plain model (ours: the paper has one of its own). recurrences: k, visits to each level.
    """

    w: float = 2.0
    backward_steps: int = 0
    backward_rate: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.backward_steps < 0:
            raise ValueError(f"backward_steps must not be negative, not {self.backward_steps}")
        if not 0 < self.backward_rate < math.inf:
            raise ValueError(f"backward_rate must be positive and finite, not {self.backward_rate}")

    @property
    def nfe_per_visit(self) -> NFE:
        """One pass through the denoiser, there and back, and one more pass of the loss than backward steps."""
        return NFE(1, 1, 1 + self.backward_steps, 1 + self.backward_steps)

    def once(self, model: Denoiser, loss: Loss, levels: tuple[float, ...], noise: Callable[[], Tensor]) -> Denoiser:
        def guided(z, logsnr, label):
            pred, _, grad = gradient_through(model, loss, z, logsnr, label)
            x = pred.x
            for _ in range(self.backward_steps):
                x = x - self.w * self.backward_rate * gradient(loss, x, label)
            forward = add_score(pred, -self.w * grad, z, logsnr)
            return from_space(pred, forward.x + x - pred.x, "x", z, logsnr)

        return guided
