"""The U-Net of Ho et al."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from experiments.fields import Count
from experiments.graph.value import value
from experiments.networks.building import Dropout


@value
class UNet:
    """guidance.backbones.unet.UNet."""

    name: ClassVar[str] = "unet"
    width: Count = 24
    multipliers: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    blocks: Count = 1
    attention: tuple[int, ...] = (1,)
    dropout: Dropout = 0.0

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.unet import UNet as Network

        options = dataclasses.asdict(self)
        return Network(world.shape[0], labels, **options, learns_variance=learns_variance)
