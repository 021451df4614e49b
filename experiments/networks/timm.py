"""Classification networks of timm."""

from typing import Any, ClassVar, Literal

from torch import nn

from experiments.fields import Count
from experiments.graph.value import value


@value
class Timm:
    """Any timm classification model. size: the side that images are enlarged to, theirs at least.

    noise_conditioning: how lambda enters when it classifies noisy data (classifiers.noise_conditioning); clean data have none.
    """

    name: ClassVar[str] = "timm"
    arch: str = "test_resnet"
    size: Count = 16
    noise_conditioning: Literal["channel", "film", "none"] = "channel"

    def noisy_classifier(self, world: Any) -> nn.Module:
        from classifiers.noise_aware import NoiseAware

        return NoiseAware(self.arch, world.shape[0], world.classes, self.size, noise_conditioning=self.noise_conditioning)

    def clean_classifier(self, world: Any) -> nn.Module:
        from classifiers.evaluator import Evaluator

        return Evaluator(self.arch, world.shape[0], world.classes, self.size)
