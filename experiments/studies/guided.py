"""One guide at several strengths: a method, the classifier that it is given, and how."""

from typing import Any

from pydantic import model_validator

from experiments.fields import Count, MethodOf, Positive, Strengths
from experiments.graph.value import value
from experiments.tasks.sources import Guide, Implicit
from experiments.tasks.train import Train


@value
class Guided:
    """One guide at several strengths: a method, the noise-aware classifier it is given by its name among the guides, and how.

    temperature, softplus, normalised: of classifiers.guide. implicit: the classifier inside the denoiser, of `levels` lambdas and
    `noises` draws, instead of a named one.
    """

    method: MethodOf
    classifier: str | None = None
    temperature: Positive = 1.0
    softplus: Positive | None = None
    normalised: bool = False
    implicit: bool = False
    levels: Count = 4
    noises: Count = 1
    ws: Strengths

    @model_validator(mode="after")
    def known(self) -> "Guided":
        wanted = "classifier" in self.method.roles and not self.implicit
        if wanted != (self.classifier is not None):
            raise ValueError(f"classifier: {self.method.name} {'needs the name of a guide' if wanted else 'is given none'}")
        if strange := set(self.method.roles) - {"model", "classifier", "clean", "levels", "noise"}:
            raise ValueError(f"method: {self.method.name} needs a network that this study has not, {sorted(strange)[0]}")
        return self

    def source(self, guides: dict[str, Train], world: Any, density: Any) -> Any:
        """Who plays the classifier; None where the method needs none."""
        if "classifier" not in self.method.roles:
            return None
        options = {"temperature": self.temperature, "softplus": self.softplus, "normalised": self.normalised}
        if self.implicit:
            ends = {"low": density.min, "high": density.max}
            return Guide(classifier=Implicit(world=world, levels=self.levels, noises=self.noises, **ends), **options)
        guide = Guide(classifier=guides[self.classifier], **options)
        return guides[self.classifier] if guide == Guide(classifier=guides[self.classifier]) else guide
