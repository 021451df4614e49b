"""Guidance-free training (GFT). Chen et al., 2025, arXiv 2501.15420; DiT/models.py and DiT/sample_ddp.py of thu-ml/GFT.

D_w = D(z, c, beta),   beta = 1 / (1 + w)

The network is conditioned on the pseudo-temperature beta, which is the knob of sampling; `guidance_scale` = 1 / beta. Here its
strength is 1 - beta = w / (1 + w), so that 0 is the plain conditional model: a shift of beta under sines and cosines, which the
layer after them undoes. experiments.objectives.guidance_free trains it, and says why its optimum is D_c + w (D_c - D_u).
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from guidance.trained_strength import TrainedStrength


@dataclass(frozen=True)
class GuidanceFree(TrainedStrength, name="guidance-free"):
    """One forward of a network that was trained by the objective guidance-free, at beta = 1 / (1 + w)."""

    @property
    def strength(self) -> float:
        """1 - beta = w / (1 + w)."""
        return self.w / (1 + self.w)

    @staticmethod
    def w_of(strength: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """1 / beta - 1."""
        return strength / (1 - strength)
