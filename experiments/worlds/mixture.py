"""Round Gaussians, one per class, of any dimension and number of classes: what theories of guidance are made for."""

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from experiments.fields import Count, Positive, TrainingSeed
from experiments.graph.value import value
from experiments.worlds.world import Data, World
from guidance.isotropic import Isotropic
from guidance.seeding import generator


@value
class MixtureWorld(World):
    """Means with a mean squared distance of 2 radius^2 dimension^growth, variance `std`^2 in every direction, equal weights.

    Of two classes the means are m and -m, along (1, ..., 1), exactly so far apart; of more they are drawn from N(0, I), by the
    stream of `draw`, and scaled. growth = 1: each dimension adds as much to the distance between classes as the first, as in the
    theories of high dimension; growth = 0: that distance is the same in every dimension.
    """

    name: ClassVar[str] = "mixture"
    exact: ClassVar[bool] = True
    trains: ClassVar[bool] = False
    dimension: Count = 8
    classes: Annotated[int, Field(ge=2)] = 8
    growth: Annotated[float, Field(ge=0)] = 1.0
    radius: Positive = 1.0
    std: Positive = 1.0
    draw: TrainingSeed = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dimension,)

    @property
    def label(self) -> str:
        """`mixture-d8-k32`, and what is not the default."""
        kind = type(self).__dataclass_fields__
        own = {name: getattr(self, name) for name in ("growth", "radius", "std", "draw")}
        more = "".join(f"-{name}{held:g}" for name, held in own.items() if held != kind[name].default)
        return f"{self.name}-d{self.dimension}-k{self.classes}{more}"

    def means(self) -> torch.Tensor:
        """(classes, dimension), float64."""
        scale = self.radius * self.dimension ** ((self.growth - 1) / 2)
        if self.classes == 2:
            one = torch.full((1, self.dimension), scale / math.sqrt(2), dtype=torch.float64)
            return torch.cat([one, -one])
        own = generator(f"means of {self.classes} classes in {self.dimension} dimensions", self.draw, 0)
        return scale * torch.randn(self.classes, self.dimension, generator=own, dtype=torch.float64)

    def load(self) -> Data:
        """The mixture: no network is trained on draws of it."""
        return Data(
            oracle=Isotropic(self.means(), self.std),
            card={
                "what": f"{self.classes} round Gaussians in {self.dimension} dimensions, one per class, with equal weights",
                "source": "made here, after the mixtures that arXiv 2502.07849 and 2602.00716 study",
                "means": f"squared distance of two on average 2 x {self.radius:g}^2 x dimension^{self.growth:g}, draw {self.draw}"
                + ("; one the other's negative" if self.classes == 2 else ""),
                "std": f"{self.std:g} in every direction",
                "exact": "density, score, denoiser, p(c | z) at every lambda",
            },
        )
