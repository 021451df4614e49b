"""Samplers, one file a family, SAMPLERS the one registry (others' by the entry point `guidance_bench.samplers`). None of them
knows of guidance.

A sampler is a frozen dataclass of its options with one signature, `sampler(denoiser, z, logsnrs, label, noise) -> x`. It
declares whether it is `stochastic`, its `calls` of the denoiser, and its `order` of convergence: of the sample to the end of
the probability flow, or of the moments where noise is drawn.
"""

from guidance.registry import Registry
from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM
from guidance.samplers.ddpm import DDPM
from guidance.samplers.dpm_solver import DPMSolver, DPMSolverSDE
from guidance.samplers.heun import Heun
from guidance.samplers.langevin import AnnealedLangevin, LangevinPC

OURS = (Ancestral, DDPM, DDIM, Heun, DPMSolver, DPMSolverSDE, LangevinPC, AnnealedLangevin)
SAMPLERS = Registry("samplers", {sampler.name: sampler for sampler in OURS})
