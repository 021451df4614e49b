"""Where on the lambda axis a sampler stops: a grid is called with the density that was trained on and a number of levels."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class UniformU:
    """Evenly in u, the quantiles of the training density (Algorithm 2 of Ho & Salimans, arXiv 2207.12598)."""

    name: ClassVar[str] = "u"

    def __call__(self, density, steps):
        return density.grid(steps)


GRIDS = {"u": UniformU}
