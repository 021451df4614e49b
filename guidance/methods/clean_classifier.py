"""A clean classifier without the denoiser's backward (EluCD). Ma et al., 2023, arXiv 2310.11311, the authors' code.

eps~ = eps(z, c) - w (1 + gamma sin(pi p)) sigma g,   g = grad_x log[ exp(t1 f_c(x)) / sum_i exp(t2 f_i(x)) ] at x(z, c)

p is the progress from noise to data. The gradient with respect to x stands for that with respect to z, the denoiser's Jacobian
being left out. With t1 and t2 apart this is no log-softmax: t2 = 0 climbs the logit alone, t2 = t1 the log-probability.
The authors' code for DDPM shifts the step's mean by (Sigma + gamma sin(pi t / T) max Sigma) g. A prediction has no Sigma: here
Sigma becomes sigma, as in Algorithm 2 of classifier guidance, and the added part is relative to it, which is ours. Their code for
EDM differs (gradient at the scaled z, rms-normalised) and is not this. Of ReLU networks they replace ReLU by Softplus, beta = 3.
"""

import math
from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.gradients import Clean, add_score, gradient, require_label
from guidance.methods.method import Method
from guidance.scale import like, progress


@dataclass(frozen=True)
class CleanClassifier(
    Method,
    name="clean-classifier",
    family="gradient",
    roles=("model", "clean"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, classifier_forward=1, classifier_backward=1),
):
    """Climbs the logits of a classifier that was never shown noise, at the model's own x.

    joint: t1, marginal: t2, temperatures of the class's logit and of the sum over classes, not negative; gamma: how much stronger
    in the middle of the trajectory than at its ends.
    """

    joint: float = 1.0
    marginal: float = 0.5
    gamma: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        for name in ("joint", "marginal", "gamma"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not negative, not {getattr(self, name)}")

    def guided(self, model: Denoiser, clean: Clean) -> Denoiser:
        def energy(x, label):
            logits = clean(x)
            return (self.marginal * logits).logsumexp(-1) - self.joint * logits.gather(-1, label[:, None])[:, 0]

        def guided(z, logsnr, label):
            pred = model(z, logsnr, require_label(label, self.name))
            strength = self.w * (1 + self.gamma * (math.pi * progress(logsnr)).sin())
            return add_score(pred, -like(strength, z) * gradient(energy, pred.x, label), z, logsnr)

        return guided
