"""Ho & Salimans' trade-off on Fashion-MNIST, where guidance has something to repair: `guidance-bench study fashion`.

Quick: the networks that ship with the package, no training and no images; minutes on two CPU cores. Full: three trainings, each
also as it was after 1/8, 1/4 and 1/2 of its steps, two sampling seeds, ImageNet features; two hours or so.
"""

from dataclasses import replace
from functools import partial

from experiments.features.efficientnet_lite0 import EfficientNetLite0
from experiments.networks import Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.shipped import shipped
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.features import Features
from experiments.tasks.fit import Fit
from experiments.tasks.judge import Judge
from experiments.tasks.real_features import RealFeatures, StoredFeatures
from experiments.tasks.reference import Reference
from experiments.tasks.sources import shipped_source
from experiments.tasks.train import Train
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.fashion import Fashion
from guidance.grids import EvenInLogSNR
from guidance.samplers.ddim import DDIM
from guidance.samplers.dpm_solver import DPMSolver
from guidance.schedules import CosineLogSNR

WORLD = Fashion()
LAMBDAS = CosineLogSNR(-12, 12)
SNAPSHOTS = (250, 500, 1000)  # 1/8, 1/4 and 1/2 of the training
MODEL = Train(
    world=WORLD,
    network=UNet(multipliers=(1, 2, 2), attention=(2,)),
    objective=Denoising(density=LAMBDAS),
    fit=Fit(steps=2000, batch=96, lr=2e-3, checkpoint_every=100, snapshots=SNAPSHOTS),
)
WEAK = Train(
    world=WORLD,
    network=UNet(width=12, multipliers=(1, 2, 2), attention=(2,)),
    objective=Denoising(density=LAMBDAS),
    fit=Fit(steps=500, batch=96, lr=2e-3, checkpoint_every=100),
)
CLASSIFIER_FIT = Fit(steps=2500, lr=2e-3, weight_decay=0.05)
CLASSIFIER = Train(
    world=WORLD, network=Timm(arch="test_byobnet", size=28), objective=NoisyCrossEntropy(density=LAMBDAS), fit=CLASSIFIER_FIT
)
EVALUATOR = Train(world=WORLD, network=Timm(size=56), objective=CrossEntropy(), fit=CLASSIFIER_FIT, seed=900)
JUDGE = replace(EVALUATOR, network=Timm(arch="test_convnext", size=32), seed=901)

MAIN = partial(Sweep, sampler=DPMSolver(), steps=10, grid=EvenInLogSNR())
BY_DDIM = partial(Sweep, sampler=DDIM(), steps=10, grid=EvenInLogSNR())  # CFG++ is not defined for DPM-Solver++
FEATURES = EfficientNetLite0(size=96)
FULL = TradeOff(
    name="fashion",
    world=WORLD,
    model=MODEL,
    classifier=CLASSIFIER,
    weak=WEAK,
    evaluator=EVALUATOR,
    real=RealFeatures(evaluator=EVALUATOR),
    density=LAMBDAS,
    methods=("classifier-free", "classifier", "limited-interval", "autoguidance", "apg", "cfg++"),
    sweeps=(
        MAIN(ws=(0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 4.0), methods=("classifier-free",)),
        MAIN(ws=(0.0, 0.5, 1.0, 2.0, 4.0), methods=("classifier",)),
        MAIN(ws=(0.5, 1.0, 2.0), methods=("autoguidance",)),
        MAIN(ws=(1.0, 2.0, 4.0), methods=("limited-interval", "apg")),
        BY_DDIM(ws=(0.0, 1.0, 2.0), methods=("classifier-free",)),
        BY_DDIM(ws=(0.5, 1.0, 2.0), methods=("cfg++",)),
        *(MAIN(ws=(0.0, 1.0, 2.0, 4.0), methods=("classifier-free",), snapshot=step) for step in SNAPSHOTS),
    ),
    train_seeds=(0, 1, 2),
    sample_seeds=(0, 1),
    part=1000,
    judges=(Judge(called="convnext", classifier=JUDGE, real=RealFeatures(evaluator=JUDGE)),),
    features=(FEATURES,),
    references={
        FEATURES.label: Reference(
            features=Features(samples=TrainingSet(world=WORLD, n=10_000), network=FEATURES), neighbours=5000
        )
    },
)


def shipped_features(name: str) -> StoredFeatures:
    """Features of real images that ship with the package."""
    file, sha256 = shipped(WORLD.name)[name]
    return StoredFeatures(world=WORLD, file=file, sha256=sha256)


QUICK = replace(
    FULL,
    **{role: shipped_source(WORLD, role) for role in ("model", "classifier", "weak", "evaluator")},
    real=shipped_features("real"),
    judges=(Judge(called="convnext", classifier=shipped_source(WORLD, "judge"), real=shipped_features("judge_real")),),
    sweeps=tuple(sweep for sweep in FULL.sweeps if sweep.snapshot is None),
    train_seeds=(0,),
    sample_seeds=(0,),
    features=(),
    references={},
)
STUDIES = {"quick": QUICK, "full": FULL}
