"""A network that was distilled to a few steps knows the lambdas of these steps and no others."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Branch, Label, NetworkDenoiser
from guidance.level import distinct_levels

NEAR = 1e-3  # of two lambdas that are one but for rounding


@dataclass(frozen=True)
class SteppedDenoiser(NetworkDenoiser):
    """A NetworkDenoiser of the given lambdas, rising. ValueError for a call at any other: its step was made for other levels."""

    levels: tuple[float, ...] = ()

    def _outputs(self, z: Tensor, logsnr: Float[Tensor, " b"], labels: Sequence[Label | Branch]) -> Sequence[Tensor]:
        for level in distinct_levels(logsnr):
            if min(abs(level - known) for known in self.levels) > NEAR:
                known = f"{len(self.levels)} levels from {self.levels[0]:.4g} to {self.levels[-1]:.4g}"
                raise ValueError(
                    f"this network was distilled to {len(self.levels)} steps, and knows the {known}, not lambda = {level:.4g}: "
                    f"sample it with ddim in {len(self.levels)} steps on the grid it was distilled on (nested)"
                )
        return super()._outputs(z, logsnr, labels)
