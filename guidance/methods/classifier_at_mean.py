"""Algorithm 1 as it is derived: the gradient at the step's mean. Dhariwal & Nichol, 2021, arXiv 2105.05233, section 4.1.

z' ~ N(mu + w Sigma g, Sigma),   g = grad log p(c | z') at z' = mu, the classifier being asked at lambda' of z'

The derivation expands log p(c | z') around z' = mu; the authors' code takes the gradient at z and its lambda instead
(guided_diffusion/gaussian_diffusion.py, condition_mean), as `classifier-mean` does. Its author calls that "a slight bug"
without a noticeable effect on results (guided-diffusion, thread 51).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Classifier, log_prob_gradient, require_label
from guidance.level import at, level_of
from guidance.methods.method import Method
from guidance.recurrence import next_level
from guidance.samplers.ancestral import step_coefficients


@dataclass(frozen=True)
class ClassifierAtMean(
    Method,
    name="classifier-at-mean",
    family="gradient",
    roles=("model", "classifier", "levels"),
    requires_model=("gradient",),
    requires_sampler=("mean_shift",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
):
    """Shifts where the next state is drawn by the step's variance times the gradient at the mean of that state.

    The mean is that of q(z' | z, x), which `ancestral` draws around for every v, as does `ddim(eta=1)`. To the last level no step
    leads on: the gradient there is at z, and moves nothing.
    """

    def guided(self, model: Denoiser, classifier: Classifier, levels: Sequence[float]) -> Denoiser:
        def guided(z, logsnr, label):
            pred, onwards = model(z, logsnr, label), next_level(logsnr, levels)
            mean, then = z, logsnr
            if onwards is not None:
                coef_z, coef_x, *_ = step_coefficients(level_of(logsnr), onwards)
                mean, then = coef_z * z + coef_x * pred.x, at(onwards, z)
            gradient = log_prob_gradient(classifier, mean, then, require_label(label, self.name))
            return pred.with_control(mean_shift=self.w * gradient)

        return guided
