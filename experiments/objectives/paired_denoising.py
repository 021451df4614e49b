"""A diffusion model of two conditions, each dropped alone and both together. Brooks et al., arXiv 2211.09800, section 3.2.1."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from torch import Tensor, nn

from experiments.graph.value import value
from experiments.objectives.denoising import Denoising
from guidance.paired import PairedDenoiser, Pairs, drop_paired_labels


@value
class PairedDenoising(Denoising):
    """Of a world of pairs (experiments.worlds.paired): the first label is dropped alone in a share p_first of the images, the
    second in p_second, both in p_uncond. p_second may be 0: no method asks for the first label alone.
    """

    name: ClassVar[str] = "paired-denoising"
    of_pairs: ClassVar[bool] = True
    p_uncond: Annotated[float, Field(gt=0, le=1)] = 0.05
    p_first: Annotated[float, Field(gt=0, lt=1)] = 0.05  # else the second label alone, which guidance asks for, is never seen
    p_second: Annotated[float, Field(ge=0, lt=1)] = 0.05

    @model_validator(mode="after")
    def shares_of_pairs(self) -> "PairedDenoising":
        if self.groups:
            raise ValueError("groups: pairs have conditions of their own; leave it out")
        if (total := self.p_first + self.p_second + self.p_uncond) > 1:
            raise ValueError(f"p_first, p_second and p_uncond add up to 1 at most, not {total:g}")
        return self

    def build(self, network: Any, world: Any) -> nn.Module:
        pairs_of(world)
        return super().build(network, world)

    def conditions(self, world: Any) -> int:
        return pairs_of(world).conditions

    def dropped(self, label: Tensor, uniform: Tensor, world: Any) -> Tensor:
        return drop_paired_labels(label, uniform, self.p_first, self.p_second, self.p_uncond, pairs_of(world))

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        ends, pairs = (self.density.min, self.density.max), pairs_of(world)
        return {role: PairedDenoiser(module, world.classes, self.target, rows, ends, pairs.conditions, pairs=pairs)}


def pairs_of(world: Any) -> Pairs:
    """The pairs of a world. ValueError where it has one label."""
    if (pairs := getattr(world, "pairs", None)) is None:
        raise ValueError(f"objective: two conditions need a world of pairs, as paired, and {world.label} has one label")
    return pairs
