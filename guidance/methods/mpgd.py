"""Manifold preserving guided diffusion (MPGD), without projection. He et al., 2023, arXiv 2311.16424, Algorithm 1.

x <- x - w c grad_x loss(x),   z' = alpha' x + sigma' eps(z, c): eps stays

A step on the clean data at every level, so its sum over a trajectory grows with the number of levels, as in the paper. The next
state is of the moved x and of the eps before the move: that is z moved by alpha times the step, which is asked of the sampler.
The projections onto a manifold (an auto-encoder's) are left out.
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, displaced, gradient
from guidance.methods.method import Method


@dataclass(frozen=True)
class MPGD(Method):
    """One gradient step of a loss on the model's x, without a backward pass through the model.

    rate: c. "constant": 1; "inverse-alpha": 1 / alpha, as the authors' code for linear inverse problems has it.
    """

    rate: str = "constant"
    name: ClassVar[str] = "mpgd"
    family: ClassVar[str] = "gradient"
    roles: ClassVar[tuple[str, ...]] = ("model", "loss")
    needs: ClassVar[tuple[str, ...]] = ("gradient",)
    asks: ClassVar[tuple[str, ...]] = ("z",)
    price: ClassVar[NFE] = NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1)

    def __post_init__(self):
        super().__post_init__()
        if self.rate not in ("constant", "inverse-alpha"):
            raise ValueError(f"rate must be constant or inverse-alpha, not {self.rate!r}")

    def guided(self, model: Denoiser, loss: Loss) -> Denoiser:
        def guided(z, logsnr, label):
            belief = model(z, logsnr, label)
            rate = 1 if self.rate == "constant" else 1 / alpha_sigma(logsnr, z)[0]
            return displaced(belief, -self.w * rate * gradient(loss, belief.x, label), z, logsnr)

        return guided
