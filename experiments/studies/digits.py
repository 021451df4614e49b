"""Ho & Salimans' trade-off on the 8x8 digits: `guidance-bench study digits` and `guidance-bench study digits --full`.

Quick: one training, minutes on two CPU cores. Full: three trainings, three sampling seeds, DDIM over more w and T.
"""

from dataclasses import replace

from experiments.networks import Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.judge import Judge
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM

PAPER = Ancestral(v=0.3)
GRID = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
WIDER = (-0.5, -0.25, *GRID)
FEWER = (-0.25, 0.0, 0.1, 0.3, 1.0, 4.0)
CLASSIFIER_FIT = Fit(steps=1200, weight_decay=0.05)
EVALUATOR = Train(world=Digits(), network=Timm(arch="test_byobnet"), objective=CrossEntropy(), fit=CLASSIFIER_FIT, seed=900)
JUDGE = replace(EVALUATOR, network=Timm(arch="test_convnext", size=32), seed=901)  # that of the study of classifiers too

QUICK = TradeOff(
    name="digits",
    world=Digits(),
    model=Train(world=Digits(), network=UNet(), objective=Denoising(), fit=Fit(steps=2500, lr=2e-3)),
    classifier=Train(world=Digits(), network=Timm(), objective=NoisyCrossEntropy(), fit=CLASSIFIER_FIT),
    evaluator=EVALUATOR,
    judges=(Judge(called="convnext", classifier=JUDGE),),
    methods=("classifier", "classifier-free"),
    sweeps=(Sweep(sampler=PAPER, steps=32, ws=GRID), Sweep(sampler=DDIM(), steps=32, ws=(0.0, 0.1, 0.3, 1.0, 4.0))),
)
FULL = replace(
    QUICK,
    train_seeds=(0, 1, 2),
    sample_seeds=(0, 1, 2),
    sweeps=(
        Sweep(sampler=PAPER, steps=32, ws=WIDER),
        Sweep(sampler=DDIM(), steps=16, ws=WIDER),
        Sweep(sampler=DDIM(), steps=64, ws=FEWER),
    ),
)
STUDIES = {"quick": QUICK, "full": FULL}
