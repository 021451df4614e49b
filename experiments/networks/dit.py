"""The diffusion transformer."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from experiments.fields import Count
from experiments.graph.value import value
from experiments.networks.building import Block


@value
class DiT:
    """guidance.backbones.dit.DiT. strength, label_from, internal_head: as of the U-Net; "output": the last scale and shift."""

    name: ClassVar[str] = "dit"
    patch: Count
    width: Annotated[int, Field(ge=4)] = 64
    depth: Count = 4
    heads: Count = 2
    strength: bool = False
    label_from: Block | Literal["middle", "last", "output"] = 0
    internal_head: Block = 0

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.dit import DiT as Network

        options = dataclasses.asdict(self)
        return Network(world.shape[0], labels, world.shape[-1], **options, learns_variance=learns_variance)
