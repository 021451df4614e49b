"""The U-Net of Ho et al., and in ADM's form (Dhariwal & Nichol, arXiv 2105.05233, section 3): attention at named resolutions,
heads of a fixed width, resolution changed inside residual blocks: `UNet(attention_at=(16, 8), head_width=64, resample="block")`.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from experiments.fields import Count
from experiments.graph.value import value
from experiments.networks.building import Block, Dropout


@value
class UNet:
    """guidance.backbones.unet.UNet. attention_at: the heights of the feature maps that attend, instead of their levels.

    strength: whether a further number per sample conditions it, as the objectives guidance-free and model-guidance need.
    label_from: where the label enters, 0 everywhere (guidance.backbones.late). internal_head: after how many blocks a second
    output is made, which the objective's internal_weight trains (guidance.methods.internal); 0: none.
    """

    name: ClassVar[str] = "unet"
    width: Count = 24
    multipliers: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    blocks: Count = 1
    attention: tuple[int, ...] = (1,)
    attention_at: tuple[Count, ...] | None = None
    head_width: Count = 32
    resample: Literal["pool", "block"] = "pool"
    dropout: Dropout = 0.0
    strength: bool = False
    label_from: Block | Literal["middle", "up", "last"] = 0
    internal_head: Block = 0

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        from guidance.backbones.unet import UNet as Network

        return Network(
            world.shape[0],
            labels,
            self.width,
            self.multipliers,
            self.blocks,
            self.attention if self.attention_at is None else self._levels(world.shape[-2]),
            self.dropout,
            learns_variance,
            self.head_width,
            self.resample,
            strength=self.strength,
            label_from=self.label_from,
            internal_head=self.internal_head,
        )

    def _levels(self, height: int) -> list[int]:
        heights = [height // 2**level for level in range(len(self.multipliers))]
        if missing := set(self.attention_at or ()) - set(heights):
            raise ValueError(f"attention_at: images of height {height} have feature maps of {heights}, none of {sorted(missing)}")
        return [level for level, each in enumerate(heights) if each in (self.attention_at or ())]
