"""A control: the noise that a stochastic sampler adds is shrunk to 1 / (1 + w) of its standard deviation.

Dhariwal & Nichol, 2021, arXiv 2105.05233, appendix G: the low-temperature sampling of other generative models; with
diffusion it hurts precision and recall alike.
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.strength import require_finite


@dataclass(frozen=True)
class ShrunkNoise:
    """Less noise in every step; a deterministic sampler adds none, and with it this is the conditional model.

    w: any finite number above -1; 0 is the conditional model.
    """

    w: float = 0.1
    name: ClassVar[str] = "shrunk-noise"
    roles: ClassVar[tuple[str, ...]] = ("model",)

    def __post_init__(self):
        require_finite(self.w)
        if self.w <= -1:
            raise ValueError(f"w must be above -1, since noise is multiplied by 1 / (1 + w), not {self.w}")

    def __call__(self, model: Denoiser) -> Denoiser:
        """The denoiser that believes what `model` believes, and asks for less noise."""
        if self.w == 0:
            return model

        def quieter(z, logsnr, label):
            belief = model(z, logsnr, label)
            return belief._replace(noise_scale=belief.noise_scale / (1 + self.w))

        return quieter

    def nfe(self, steps: int) -> NFE:
        """Network function evaluations per sample of a sampler that asks `steps` times."""
        return NFE(denoiser_forward=steps)
