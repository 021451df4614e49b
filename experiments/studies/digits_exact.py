"""How much of a guided run is the method's doing and how much the network's: `guidance-bench study digits-exact`.

The same cells twice: with the exact denoiser and classifier of a mixture, and with networks trained on draws of it.
"""

from dataclasses import replace

from experiments.networks import Timm, UNet
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from experiments.worlds.digits_exact import DigitsExact
from guidance.samplers.ancestral import Ancestral
from guidance.schedules import CosineLogSNR

WORLD = DigitsExact()

QUICK = TradeOff(
    name="digits-exact",
    world=WORLD,
    oracle=Exact(world=WORLD),
    density=CosineLogSNR(min=-10.0, max=10.0),
    model=Train(world=WORLD, network=UNet(), objective=Denoising(), fit=Fit(steps=2500, lr=2e-3)),
    classifier=Train(world=WORLD, network=Timm(), objective=NoisyCrossEntropy(), fit=Fit(steps=1200, weight_decay=0.05)),
    methods=("classifier-free", "classifier"),
    sweeps=(Sweep(sampler=Ancestral(), steps=32, ws=(0.0, 0.1, 0.3, 1.0, 2.0, 4.0)),),
    sample_seeds=(0, 1, 2),
    n=1000,
    part=1000,
    clip=3.0,
)
FULL = replace(QUICK, train_seeds=(0, 1, 2), sample_seeds=tuple(range(8)))
STUDIES = {"quick": QUICK, "full": FULL}
