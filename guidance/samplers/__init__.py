"""Samplers, one signature: `sampler(denoiser, z, logsnrs, label, noise) -> x`. None of them knows of guidance."""

from guidance.samplers.ancestral import ancestral
from guidance.samplers.ddim import ddim

SAMPLERS = {"ancestral": ancestral, "ddim": ddim}
