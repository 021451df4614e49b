"""Classifier guidance as a shift of eps. Dhariwal & Nichol, 2021, arXiv 2105.05233, Algorithm 2.

eps~ = eps(z, c) - w sigma grad_z log p(c | z)      (Ho & Salimans, arXiv 2207.12598, section 3.1)

On the unconditional model the same target needs w + 1: that is ClassifierUnconditional. The paper prints Algorithm 2 without a
scale; the authors' code has one, classifier_scale: it is w on a conditional model and w + 1 on an unconditional one.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Classifier, add_score, log_prob_gradient, require_label
from guidance.methods.method import Method


@dataclass(frozen=True)
class ClassifierGuidance(
    Method,
    name="classifier",
    family="gradient",
    roles=("model", "classifier"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
    tilted=True,
):
    """Adds w times the gradient of a noise-aware classifier's log-probability to the conditional model's score.

    w: on an unconditional model the same target needs w + 1.
    """

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        return self._guided_by(model, classifier, self.w, conditional=True)

    def _guided_by(self, model: Denoiser, classifier: Classifier, scale: float, conditional: bool) -> Denoiser:
        def guided(z, logsnr, label):
            grad_log_p = scale * log_prob_gradient(classifier, z, logsnr, require_label(label, self.name))
            return add_score(model(z, logsnr, label if conditional else None), grad_log_p, z, logsnr)

        return guided


@dataclass(frozen=True)
class ClassifierUnconditional(
    ClassifierGuidance, name="classifier-unconditional", requires_model=("gradient", "null"), null_w=-1.0
):
    """The same on the unconditional model: eps(z) - (w + 1) sigma grad_z log p(c | z), the class from the classifier alone.

    w: with the exact classifier it equals ClassifierGuidance. With a trained one its limit as w -> 0 is not the conditional
    model, although w = 0 itself is, as of every method; w = -1 is the unconditional model.
    """

    def guided(self, model: Denoiser, classifier: Classifier) -> Denoiser:
        return self._guided_by(model, classifier, 1 + self.w, conditional=False)
