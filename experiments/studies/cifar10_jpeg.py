"""Guidance at 32x32 in colour: the studies cifar10-jpeg (a U-Net in ADM's form) and cifar10-jpeg-dit (a DiT).

Quick, in minutes: a trial of everything that a study of such images needs, on networks far too small for them and a part of the
set: learned variance, attention at a named resolution, residual blocks that change the resolution, a DiT, mapped images,
pretrained features. Full: all 50,000 images and networks that learn them, for one GPU (`--device cuda --workers 8`), where it has
not been run to its end yet. The images: a folder cifar10-jpeg with the two parquet files, here or at `--set world.path=...`.
Never beside numbers of CIFAR-10.
"""

from dataclasses import replace
from functools import partial

from experiments.features.efficientnet_lite0 import EfficientNetLite0
from experiments.networks import DiT, Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.features import Features
from experiments.tasks.fit import Fit
from experiments.tasks.judge import Judge
from experiments.tasks.real_features import RealFeatures
from experiments.tasks.reference import Reference
from experiments.tasks.train import Train
from experiments.tasks.training_set import TrainingSet
from experiments.tasks.weaker import Smaller
from experiments.worlds.cifar10 import Cifar10Jpeg
from guidance.compute import Compute
from guidance.grids import EvenInLogSNR
from guidance.samplers.ancestral import Ancestral
from guidance.samplers.ddim import DDIM
from guidance.samplers.dpm_solver import DPMSolver
from guidance.schedules import CosineLogSNR

WORLD = Cifar10Jpeg(
    path="cifar10-jpeg",
    flip=True,
    at_most=(10_000, 1_000),
    fingerprint="4c0a6ea3715d6384f184a3968f021970342933f9d81b031c28844f960f0f0c6e",
)
LAMBDAS = CosineLogSNR(-12, 12)
LEARNED = Denoising(density=LAMBDAS, variance="hybrid", bin_width=2 / 255)
FEATURES = EfficientNetLite0(size=96)
MODEL = Train(
    world=WORLD,
    network=UNet(width=16, multipliers=(1, 2, 2), attention_at=(8,), head_width=16, resample="block"),
    objective=LEARNED,
    fit=Fit(steps=500, batch=64, lr=2e-3, checkpoint_every=100),
)
EVALUATOR = Train(
    world=WORLD,
    network=Timm(arch="test_byobnet", size=32),
    objective=CrossEntropy(),
    fit=Fit(steps=700, lr=2e-3, weight_decay=0.05),
    seed=900,
)
JUDGE = replace(EVALUATOR, network=Timm(arch="test_convnext", size=32), seed=901)
QUICK = TradeOff(
    name="cifar10-jpeg",
    world=WORLD,
    model=MODEL,
    classifier=Train(
        world=WORLD,
        network=Timm(size=32),
        objective=NoisyCrossEntropy(density=LAMBDAS),
        fit=Fit(steps=500, lr=2e-3, weight_decay=0.05),
    ),
    evaluator=EVALUATOR,
    density=LAMBDAS,
    methods=("classifier", "classifier-free"),
    sweeps=(Sweep(sampler=Ancestral(v=None), steps=32, ws=(0.0, 1.0, 4.0)),),
    n=200,
    part=200,
    judges=(Judge(called="convnext", classifier=JUDGE),),
    features=(FEATURES,),
    references={FEATURES.label: Reference(features=Features(samples=TrainingSet(world=WORLD, n=2000), network=FEATURES))},
)
TRANSFORMER = replace(
    QUICK,
    name="cifar10-jpeg-dit",
    model=replace(MODEL, network=DiT(patch=4, width=96, depth=6, heads=3), fit=replace(MODEL.fit, lr=1e-3)),
)

ALL, N = replace(WORLD, at_most=None), 5000
FIT = Fit(steps=2500, batch=256, lr=1e-3, weight_decay=0.05, warmup=200)
CLASSIFIES = Train(world=ALL, network=Timm(arch="resnet18", size=64), objective=CrossEntropy(), fit=FIT, seed=900)
SECOND = replace(CLASSIFIES, network=Timm(arch="convnext_atto", size=64), seed=901)
MAIN = partial(Sweep, sampler=DPMSolver(), steps=12, grid=EvenInLogSNR())
BY_DDIM = partial(Sweep, sampler=DDIM(), steps=12, grid=EvenInLogSNR())  # CFG++ is not defined for DPM-Solver++
FULL = TradeOff(
    name="cifar10-jpeg",
    world=ALL,
    model=Train(
        world=ALL,
        network=UNet(width=64, multipliers=(1, 2, 2), blocks=2, attention_at=(16,), head_width=64, resample="block"),
        objective=Denoising(density=LAMBDAS),
        fit=Fit(steps=5000, batch=256, lr=1e-3, warmup=300),
        n_test=2000,
    ),
    weak=Smaller(width=32, steps=1250),
    classifier=replace(
        CLASSIFIES, network=Timm(arch="resnet14t", size=64), objective=NoisyCrossEntropy(density=LAMBDAS), seed=0, n_test=2000
    ),
    evaluator=CLASSIFIES,
    real=RealFeatures(evaluator=CLASSIFIES, test=N),
    density=LAMBDAS,
    methods=("classifier-free", "classifier", "limited-interval", "apg", "autoguidance", "cfg++"),
    sweeps=(
        MAIN(ws=(0.0, 0.5, 1.0, 2.0, 4.0), methods=("classifier-free",)),
        MAIN(ws=(1.0, 2.0, 4.0), methods=("classifier", "limited-interval", "apg")),
        MAIN(ws=(0.5, 1.0, 2.0), methods=("autoguidance",)),
        BY_DDIM(ws=(0.0, 1.0), methods=("classifier-free",)),
        BY_DDIM(ws=(0.5, 1.0), methods=("cfg++",)),
    ),
    sample_seeds=(0, 1),
    n=N,
    part=N,
    judges=(Judge(called="convnext", classifier=SECOND, real=RealFeatures(evaluator=SECOND, test=N)),),
    features=(FEATURES,),
    references={FEATURES.label: Reference(features=Features(samples=TrainingSet(world=ALL), network=FEATURES), neighbours=N)},
    compute=Compute(precision="tf32"),  # twice as fast there; classifier-free guidance is sampled in float32 too
)
STUDIES, DIT_STUDIES = {"quick": QUICK, "full": FULL}, {"quick": TRANSFORMER}
