"""Independent condition guidance (ICG). Sadat et al., 2024, arXiv 2407.02687.

D = D_c + w (D_c - D_k),   k drawn anew at every step, whatever z and c are

Averaged over k that is the prediction for no particular class, so that a model never trained without a label can be guided.
"""

from dataclasses import dataclass

import torch

from guidance.backbones.perturb import GaussianLabel, size_of
from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, weighted_sum
from guidance.level import labels_within
from guidance.methods.method import Method
from guidance.methods.negative import classes_of
from guidance.weak import gaussian_vector

FORMS = ("class", "gaussian")


@dataclass(frozen=True)
class IndependentCondition(
    Method, name="icg", family="weak branch", roles=("model", "noise"), nfe_per_call=NFE(denoiser_forward=2)
):
    """Extrapolates from the prediction for a condition drawn at random: one for each sample and step.

    form: "class", any class with the same probability, the sample's own among them; "gaussian", instead of the label's
    embedding a Gaussian with the mean and the standard deviation of the classes', of a network that can be perturbed.
    """

    form: str = "class"

    def __post_init__(self):
        super().__post_init__()
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, not {self.form!r}")

    def guided(self, model: Denoiser, noise) -> Denoiser:
        def random_branch(label):
            if self.form == "gaussian":
                return Branch(
                    label, perturbation=GaussianLabel(numbers=gaussian_vector(noise, size_of(model, "embedding_width")))
                )
            uniform = torch.special.ndtr(gaussian_vector(noise, 1)[:, 0].double())
            classes = classes_of(model)
            return Branch(labels_within((classes * uniform).long().clamp(max=classes - 1), 0, classes - 1))

        return lambda z, logsnr, label: weighted_sum(model, z, logsnr, [label, random_branch(label)], [1 + self.w, -self.w])
