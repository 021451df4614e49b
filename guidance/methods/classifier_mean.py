"""Classifier guidance as a shift of the step's mean. Dhariwal & Nichol, 2021, arXiv 2105.05233, Algorithm 1.

z' ~ N(mu(z, c) + w Sigma grad_z log p(c | z), Sigma)

Sigma is the sampler's own variance of the step, so only samplers that draw their steps take it, and w is not portable between
samplers of different Sigma. The gradient is at z, as in the authors' code; the derivation expands around mu. Of a finite step
l -> l' of the ancestral sampler, Algorithm 2 moves the mean by (alpha' sigma^2) / (alpha sigma'^2) times as much if Sigma is
the smaller variance (v = 0), alpha' / alpha times if it is the larger (v = 1): the same only for small steps. The paper's best
scales differ accordingly: 1.0 (250 steps, Algorithm 1), 2.5 (25 steps, Algorithm 2) for ImageNet 256.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Classifier, log_prob_gradient, require_label
from guidance.methods.method import Method


@dataclass(frozen=True)
class ClassifierMean(
    Method,
    name="classifier-mean",
    family="gradient",
    roles=("model", "classifier"),
    requires_model=("gradient",),
    requires_sampler=("mean_shift",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
    tilted=True,
):
    """Leaves the prediction as it is and shifts where the next state is drawn, by the step's variance times the gradient.

    w: on the conditional model. The last call's x is the sample: that step ends at sigma' = 0, where Sigma is 0 for every v < 1
    (of v = 1 it would shift x by sigma^2 w grad, sigma^2 being 2e-9 at lambda = 20).
    """

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        def guided(z, logsnr, label):
            grad_log_p = log_prob_gradient(classifier, z, logsnr, require_label(label, self.name))
            return model(z, logsnr, label).with_control(mean_shift=self.w * grad_log_p)

        return guided
