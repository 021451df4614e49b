"""A method and a sampler."""

from dataclasses import dataclass
from typing import Any, ClassVar

from guidance.cost import NFE
from guidance.methods import Method
from guidance.methods.classifier_free import ClassifierFree
from guidance.samplers import DDIM


@dataclass(frozen=True)
class Halved(
    Method,
    name="halved",
    family="classifier-free",
    requires_model=("null",),
    nfe_per_call=NFE(denoiser_forward=2),
    own_scale="half of w, as its docstring says",
):
    """Classifier-free guidance at half its w."""

    def guided(self, model: Any) -> Any:
        return ClassifierFree(w=self.w / 2)(model)


@dataclass(frozen=True)
class Straight(DDIM):
    """DDIM by another name."""

    name: ClassVar[str] = "straight"
