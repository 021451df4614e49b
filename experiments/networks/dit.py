"""The diffusion transformer."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from experiments.fields import Count
from experiments.graph.value import value


@value
class DiT:
    """guidance.backbones.dit.DiT. strength: whether a further number per sample conditions it, as in a UNet."""

    name: ClassVar[str] = "dit"
    patch: Count
    width: Annotated[int, Field(ge=4)] = 64
    depth: Count = 4
    heads: Count = 2
    strength: bool = False

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.dit import DiT as Network

        options = dataclasses.asdict(self)
        return Network(world.shape[0], labels, world.shape[-1], **options, learns_variance=learns_variance)
