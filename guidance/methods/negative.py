"""Negative conditions: another class instead of the null label. Common practice; see Liu et al., 2022, arXiv 2206.01714.

eps~ = eps_c + w (eps_c - eps_k),   k another class
"""

from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.level import labels_within
from guidance.methods.method import Method


def classes_of(model: Denoiser) -> int:
    """The number of classes that the model declares. ValueError for a model that declares none."""
    classes = getattr(model, "num_classes", getattr(model, "classes", None))
    if classes is None:
        raise ValueError("the model has neither num_classes nor classes: there is no other class to name")
    return classes


def other_class(model: Denoiser, label: Tensor, steps: int) -> Tensor:
    """(label + steps) modulo the number of classes of the model. ValueError for a model that declares none."""
    classes = classes_of(model)
    return labels_within((label + steps) % classes, 0, classes - 1)


@dataclass(frozen=True)
class Negative(Method, name="negative", family="classifier-free", nfe_per_call=NFE(denoiser_forward=2)):
    """Guides away from another class, to the sample's own.

    other: the class k is (label + other) modulo the number of classes.
    """

    w: float = 1.0
    other: int = 1

    def guided(self, model: Denoiser) -> Denoiser:
        def away(z, logsnr, label):
            return weighted_sum(model, z, logsnr, [label, other_class(model, label, self.other)], [1 + self.w, -self.w])

        return away
