"""What each sampler really draws from under guidance, in the plane, where it is known: `guidance-bench study gaussians`.

No network: the exact denoiser and classifier take its place. The lambda range is narrower than the networks' [-20, 20]:
at -10 a sample starts from N(0, I) with an error of 0.007 in the mean, and no first step is a leap over ten units of lambda.
"""

from experiments.networks import DensityConfig
from experiments.sample import SamplerConfig
from experiments.study_config import Method, StudyConfig, Sweep

WS = (0.0, 0.5, 1.0, 2.0, 4.0)


def at(name: str, steps: int, *more: str, **options: int) -> Sweep:
    """A sampler over WS: of classifier-free guidance, and of the methods named after it."""
    return Sweep(sampler=SamplerConfig(name=name, steps=steps, options=options), ws=WS, methods=("classifier-free", *more))


QUICK = StudyConfig(
    name="gaussians",
    world="gaussians",
    exact=True,
    logsnr=DensityConfig(name="cosine", options={"min": -10.0, "max": 10.0}),
    methods=tuple(Method(name=name) for name in ("classifier-free", "classifier", "temperature", "shrunk-noise")),
    sweeps=(
        at("ancestral", 64, "classifier", "temperature", "shrunk-noise"),
        *(at("ancestral", steps) for steps in (16, 128)),
        at("ddim", 64, "temperature"),
        *(at("ddim", steps) for steps in (16, 128)),
        *(at("dpm-solver++", steps) for steps in (16, 64)),
        *(at("langevin-pc", steps, corrections=4) for steps in (16, 64)),
    ),
    sample_seeds=(0, 1, 2),
    n=2000,
    part=2000,
    clip=None,
    batch=2000,
)
FULL = QUICK.model_copy(update={"sample_seeds": tuple(range(10)), "n": 10_000, "part": 10_000, "batch": 10_000})
STUDIES = {"quick": QUICK, "full": FULL}
