"""Any loss of an image, as CLIP guidance does it. Crowson, 2021, k-diffusion, sample_clip_guided.py.

eps~ = eps(z, c) + w sigma grad_z loss(x(z, c), c)

No paper. The gradient goes through the denoiser; k-diffusion adds sigma^2 times it to the denoised image, which is this in its
variance-exploding z. There the loss is 500 times a spherical distance of CLIP's embeddings: w carries the units of 1 / loss.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Loss, add_score, gradient_through
from guidance.methods.method import Method


@dataclass(frozen=True)
class ImageLoss(
    Method,
    name="image-loss",
    family="gradient",
    roles=("model", "loss"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, denoiser_backward=1, classifier_forward=1, classifier_backward=1),
):
    """Descends a loss of the model's x, as a function of z: samples of p(z | c) exp(-w loss), the loss at the posterior mean.

    w: per unit of the loss; the loss is a number for each sample, and none is divided by the size of the batch.
    """

    def guided(self, model: Denoiser, loss: Loss) -> Denoiser:
        def guided(z, logsnr, label):
            pred, _, grad = gradient_through(model, loss, z, logsnr, label)
            return add_score(pred, -self.w * grad, z, logsnr)

        return guided
