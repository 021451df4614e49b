"""How much of a guided run is the method's doing and how much the network's: `guidance-bench study digits-exact`.

The same cells twice: with the exact denoiser and classifier of a mixture, and with networks trained on draws of it.
"""

from experiments.classifier_networks import ClassifierConfig
from experiments.networks import DenoiserConfig, DensityConfig
from experiments.sample import SamplerConfig
from experiments.study_config import Method, StudyConfig, Sweep

WS = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0)

QUICK = StudyConfig(
    name="digits-exact",
    world="digits-exact",
    exact=True,
    logsnr=DensityConfig(name="cosine", options={"min": -10.0, "max": 10.0}),
    denoiser=DenoiserConfig(world="digits-exact"),
    classifier=ClassifierConfig(world="digits-exact"),
    methods=(Method(name="classifier-free"), Method(name="classifier")),
    sweeps=(Sweep(sampler=SamplerConfig(name="ancestral", steps=32), ws=WS),),
    sample_seeds=(0, 1, 2),
    n=1000,
    part=1000,
    clip=3.0,
)
FULL = QUICK.model_copy(update={"train_seeds": (0, 1, 2)})
STUDIES = {"quick": QUICK, "full": FULL}
