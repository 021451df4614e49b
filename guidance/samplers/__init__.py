"""Samplers, one file a family, SAMPLERS the one registry. None of them knows of guidance.

A sampler is a frozen dataclass of its options with one signature, `sampler(denoiser, z, logsnrs, label, noise) -> x`; it
declares its `order` of convergence, whether it is `stochastic`, and its `calls` of the denoiser.
"""

from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM

SAMPLERS = {sampler.name: sampler for sampler in (Ancestral, DDIM)}
