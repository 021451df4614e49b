"""A feature network."""

from typing import ClassVar

from experiments.features.network import FeatureNetwork
from experiments.graph.value import value


@value
class Quarters(FeatureNetwork):
    """The means of the four quarters of an image."""

    name: ClassVar[str] = "quarters"

    @property
    def label(self) -> str:
        return self.name

    def card(self) -> dict[str, str]:
        return {"network": "four means"}

    def load(self, device: str):
        from torch.nn.functional import adaptive_avg_pool2d

        return lambda images: (adaptive_avg_pool2d(images.float().mean(1, keepdim=True), 2).flatten(1) / 255, None)
