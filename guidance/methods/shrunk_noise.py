"""A control: the noise that a stochastic sampler adds is shrunk to 1 / (1 + w) of its standard deviation.

Dhariwal & Nichol, 2021, arXiv 2105.05233, appendix G: the low-temperature sampling of other generative models; with
diffusion it hurts precision and recall alike.
"""

from dataclasses import dataclass

from guidance.denoiser import Denoiser
from guidance.methods.method import Method


@dataclass(frozen=True)
class ShrunkNoise(
    Method, name="shrunk-noise", family="control", direction="a control: it scales the noise of a step, and not its mean"
):
    """Less noise in every step; a deterministic sampler adds none, and with it this is the conditional model.

    w: above -1.
    """

    w: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if self.w <= -1:
            raise ValueError(f"w must be above -1, since noise is multiplied by 1 / (1 + w), not {self.w}")

    def guided(self, model: Denoiser) -> Denoiser:
        def quieter(z, logsnr, label):
            pred = model(z, logsnr, label)
            return pred.with_control(noise_scale=pred.control.noise_scale / (1 + self.w))

        return quieter
