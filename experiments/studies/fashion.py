"""Ho & Salimans' trade-off on Fashion-MNIST, where guidance has something to repair: `guidance-bench study fashion --full`."""

from experiments.networks import Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds.fashion import Fashion
from guidance.samplers.dpm_solver import DPMSolver
from guidance.schedules import CosineLogSNR

LAMBDAS = CosineLogSNR(-12, 12)
SNAPSHOTS = (250, 500, 1000)  # 1/8, 1/4 and 1/2 of the training
MODEL = Train(
    world=Fashion(),
    network=UNet(multipliers=(1, 2, 2), attention=(2,)),
    objective=Denoising(density=LAMBDAS),
    fit=Fit(steps=2000, batch=96, lr=2e-3, checkpoint_every=100, snapshots=SNAPSHOTS),
)
WEAK = Train(
    world=Fashion(),
    network=UNet(width=12, multipliers=(1, 2, 2), attention=(2,)),
    objective=Denoising(density=LAMBDAS),
    fit=Fit(steps=500, batch=96, lr=2e-3, checkpoint_every=100),
)
CLASSIFIER_FIT = Fit(steps=2500, lr=2e-3, weight_decay=0.05)
CLASSIFIER = Train(
    world=Fashion(), network=Timm(arch="test_byobnet", size=28), objective=NoisyCrossEntropy(density=LAMBDAS), fit=CLASSIFIER_FIT
)
EVALUATOR = Train(world=Fashion(), network=Timm(size=56), objective=CrossEntropy(), fit=CLASSIFIER_FIT, seed=900)
FULL = TradeOff(
    name="fashion",
    world=Fashion(),
    model=MODEL,
    classifier=CLASSIFIER,
    evaluator=EVALUATOR,
    weak=WEAK,
    density=LAMBDAS,
    methods=("classifier", "classifier-free", "autoguidance"),
    sweeps=(Sweep(sampler=DPMSolver(), steps=16, ws=(0.0, 0.5, 1.0, 2.0, 4.0)),),
    train_seeds=(0, 1, 2),
    sample_seeds=(0, 1),
    part=1000,
)
STUDIES = {"full": FULL}
