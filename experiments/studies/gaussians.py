"""What each sampler really draws from under guidance, in the plane, where it is known: `guidance-bench study gaussians`.

No network: the exact denoiser and classifier take its place. The lambda range is narrower than the networks' [-20, 20]:
at -10 a sample starts from N(0, I) with an error of 0.007 in the mean, and no first step is a leap over ten units of lambda.
"""

from dataclasses import replace

from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.sources import Exact
from experiments.worlds.gaussians import Gaussians
from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM
from guidance.samplers.dpm_solver import DPMSolver
from guidance.samplers.langevin import LangevinPC
from guidance.schedules import CosineLogSNR

WS = (0.0, 0.5, 1.0, 2.0, 4.0)


def at(sampler: object, steps: int, *more: str) -> Sweep:
    """A sampler over WS: of classifier-free guidance, and of the methods named after it."""
    return Sweep(sampler=sampler, steps=steps, ws=WS, methods=("classifier-free", *more))


QUICK = TradeOff(
    name="gaussians",
    world=Gaussians(),
    oracle=Exact(world=Gaussians()),
    density=CosineLogSNR(min=-10.0, max=10.0),
    methods=("classifier-free", "classifier", "temperature", "shrunk-noise"),
    sweeps=(
        at(Ancestral(), 64, "classifier", "temperature", "shrunk-noise"),
        *(at(Ancestral(), steps) for steps in (16, 128)),
        at(DDIM(), 64, "temperature"),
        *(at(DDIM(), steps) for steps in (16, 128)),
        *(at(DPMSolver(), steps) for steps in (16, 64)),
        *(at(LangevinPC(corrections=4), steps) for steps in (16, 64)),
    ),
    sample_seeds=(0, 1, 2),
    n=2000,
    part=2000,
    clip=None,
    batch=2000,
)
FULL = replace(QUICK, sample_seeds=tuple(range(10)), n=10_000, part=10_000, batch=10_000)
STUDIES = {"quick": QUICK, "full": FULL}
