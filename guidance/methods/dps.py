"""Diffusion posterior sampling (DPS) of a class. Chung et al., 2022, arXiv 2209.14687, theorem 1 and Algorithm 1.

eps~ = eps(z, c) - w sigma grad_z log p(c | x(z, c))

The likelihood of the class at the posterior mean stands for its posterior mean; the gradient goes through the denoiser. The
paper has measurements y = A(x) + noise and subtracts zeta' grad_z ||y - A(x)||^2 / ||y - A(x)|| from the state after every step,
however long the step. Here it is part of the score, and means the same on any grid and with any sampler; `normalised` divides
by the root of the loss, -log p(c | x), which is what the residual's norm is of a squared loss. (Their code takes the gradient
of the norm, half of what they print.) For other losses than a class's see image_loss.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Clean, add_score, cross_entropy, gradient_through, require_label
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class DPS(
    Method,
    name="dps",
    family="gradient",
    roles=("model", "clean"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, denoiser_backward=1, classifier_forward=1, classifier_backward=1),
):
    """Climbs a clean classifier's log-probability of the model's x, as a function of z.

    normalised: whether each sample's gradient is divided by the square root of its loss.
    """

    normalised: bool = False

    def guided(self, model: Denoiser, clean: Clean) -> Denoiser:
        def guided(z, logsnr, label):
            require_label(label, self.name)
            pred, value, grad = gradient_through(model, cross_entropy(clean), z, logsnr, label)
            if self.normalised:
                grad = grad / like(value.clamp(min=1e-12).sqrt(), z)
            return add_score(pred, -self.w * grad, z, logsnr)

        return guided
