"""Manifold preserving guided diffusion (MPGD), without projection. He et al., 2023, arXiv 2311.16424, Algorithm 1.

x <- x - w c grad_x loss(x),   z' = alpha' x + sigma' eps(z, c): eps stays

A step on the clean data at every level, so its sum over a trajectory grows with the number of levels, as in the paper. The next
state is of the moved x and of the eps before the move: that is z moved by alpha times the step, which the sampler starts from.
The projections onto a manifold (an auto-encoder's) are left out.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import Loss, gradient, shift_x
from guidance.methods.method import Method


@dataclass(frozen=True)
class MPGD(
    Method,
    name="mpgd",
    family="gradient",
    roles=("model", "loss"),
    requires_model=("gradient",),
    requires_sampler=("moved_z",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
):
    """One gradient step of a loss on the model's x, without a backward pass through the model.

    rate: c. "constant": 1; "inverse-alpha": 1 / alpha, as the authors' code for linear inverse problems has it.
    """

    rate: str = "constant"

    def __post_init__(self):
        super().__post_init__()
        if self.rate not in ("constant", "inverse-alpha"):
            raise ValueError(f"rate must be constant or inverse-alpha, not {self.rate!r}")

    def guided(self, model: Denoiser, loss: Loss) -> Denoiser:
        def guided(z, logsnr, label):
            pred = model(z, logsnr, label)
            rate = 1 if self.rate == "constant" else 1 / alpha_sigma(logsnr, z)[0]
            return shift_x(pred, -self.w * rate * gradient(loss, pred.x, label), z, logsnr)

        return guided
