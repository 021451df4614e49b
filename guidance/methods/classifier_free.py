"""Classifier-free guidance. Ho & Salimans, Classifier-Free Diffusion Guidance, 2022, arXiv 2207.12598, eq. 6.

eps~ = (1 + w) eps(z, c) - w eps(z)
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.strength import require_finite


@dataclass(frozen=True)
class ClassifierFree:
    """Extrapolates from the unconditional to the conditional prediction of one jointly trained model.

    w: strength, any finite number; 0 is the conditional model, -1 the unconditional one. `guidance_scale` = 1 + w.
    """

    w: float = 0.3
    name: ClassVar[str] = "classifier-free"
    roles: ClassVar[tuple[str, ...]] = ("model",)

    def __post_init__(self):
        require_finite(self.w)

    def __call__(self, model: Denoiser) -> Denoiser:
        """The guided denoiser of `model`, which is asked for its conditional and its null prediction together."""
        if self.w == 0:
            return model

        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            x, eps = ((1 + self.w) * c - self.w * u for c, u in ((cond.x, null.x), (cond.eps, null.eps)))
            return cond._replace(x=x, eps=eps)

        return guided

    def nfe(self, steps: int) -> NFE:
        """Network function evaluations per sample of a sampler that asks `steps` times."""
        return NFE(denoiser_forward=steps if self.w == 0 else 2 * steps)
