"""A classifier out of the down half of the U-Net."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from torch import nn

from experiments.fields import Count
from experiments.graph.value import value
from experiments.networks.building import Dropout


@value
class HalfUNet:
    """classifiers.half_unet.HalfUNet: the down half of a U-Net, conditioned on lambda by its normalisations."""

    name: ClassVar[str] = "half-unet"
    size: Count = 8
    width: Count = 24
    multipliers: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    blocks: Count = 1
    attention: tuple[int, ...] = (1,)
    dropout: Dropout = 0.0

    @model_validator(mode="after")
    def halves(self) -> "HalfUNet":
        if self.size % 2 ** (len(self.multipliers) - 1):
            raise ValueError(f"size: images of {self.size} cannot be halved {len(self.multipliers) - 1} times")
        return self

    def noisy_classifier(self, world: Any) -> nn.Module:
        from classifiers.half_unet import HalfUNet as Network

        return Network(world.shape[0], world.classes, **dataclasses.asdict(self))
