"""Ho & Salimans' trade-off on the 8x8 digits: `guidance-bench study digits` and `guidance-bench study digits --full`.

Quick: one training, minutes on two CPU cores. Full: three trainings, three sampling seeds, DDIM over more w and T.
"""

from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig
from experiments.networks import DenoiserConfig
from experiments.sample import SamplerConfig
from experiments.study_config import Method, StudyConfig, Sweep

PAPER = SamplerConfig(name="ancestral", steps=32, options={"v": 0.3})
GRID = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
WIDER = (-0.5, -0.25, *GRID)
FEWER = (-0.25, 0.0, 0.1, 0.3, 1.0, 4.0)

QUICK = StudyConfig(
    name="digits",
    world="digits",
    denoiser=DenoiserConfig(),
    classifier=ClassifierConfig(),
    evaluator=EvaluatorConfig(),
    methods=(Method(name="classifier"), Method(name="classifier-free")),
    sweeps=(
        Sweep(sampler=PAPER, ws=GRID),
        Sweep(sampler=SamplerConfig(name="ddim", steps=32), ws=(0.0, 0.1, 0.3, 1.0, 4.0)),
    ),
)
FULL = QUICK.model_copy(
    update={
        "train_seeds": (0, 1, 2),
        "sample_seeds": (0, 1, 2),
        "sweeps": (
            Sweep(sampler=PAPER, ws=WIDER),
            Sweep(sampler=SamplerConfig(name="ddim", steps=16), ws=WIDER),
            Sweep(sampler=SamplerConfig(name="ddim", steps=64), ws=FEWER),
        ),
    }
)
STUDIES = {"quick": QUICK, "full": FULL}
