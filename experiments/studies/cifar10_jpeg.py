"""Guidance at 32x32 in colour, in minutes: the studies cifar10-jpeg (a U-Net in ADM's form) and cifar10-jpeg-dit (a DiT).

A trial of everything that a study of such images needs, on networks far too small for them and a part of the set: learned
variance, attention at a named resolution, residual blocks that change the resolution, a DiT, mapped images, pretrained features.
The images: a folder cifar10-jpeg with the two parquet files, here or at `--set world.path=...`. Never beside numbers of CIFAR-10.
"""

from dataclasses import replace

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
from experiments.tasks.reference import Reference
from experiments.tasks.train import Train
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.cifar10 import Cifar10Jpeg
from guidance.samplers.ancestral import Ancestral
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
STUDIES, DIT_STUDIES = {"quick": QUICK}, {"quick": TRANSFORMER}
