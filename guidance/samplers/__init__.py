"""Samplers, one file per family; SAMPLERS is the registry (others' by the entry point `guidance_bench.samplers`). None of them
depends on guidance.

A sampler is a frozen dataclass of its options with one signature, `sampler(denoiser, z, logsnrs, label, noise) -> x`. It
declares its `name`, whether it is `stochastic`, its `calls` of the denoiser, its `capabilities` (of guidance.control, what a
method may order of it: a StepControl comes with each prediction), and its `order` of convergence: of the sample to the end of
the probability flow, or of the moments where noise is drawn.
"""

from guidance.registry import Registry
from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM
from guidance.samplers.ddpm import DDPM
from guidance.samplers.dpm_solver import DPMSolver, DPMSolverSDE
from guidance.samplers.heun import Heun
from guidance.samplers.langevin import AnnealedLangevin, LangevinPC

BUILT_IN = (Ancestral, DDPM, DDIM, Heun, DPMSolver, DPMSolverSDE, LangevinPC, AnnealedLangevin)
STATED = ("name", "order", "stochastic", "capabilities", "calls")


def check(sampler: object) -> None:
    """ValueError for what does not declare all that a sampler declares."""
    if missing := [word for word in STATED if not hasattr(sampler, word)]:
        raise ValueError(f"is no sampler: it declares no {missing[0]} (see guidance.samplers)")


SAMPLERS = Registry("samplers", {sampler.name: sampler for sampler in BUILT_IN}, check)
