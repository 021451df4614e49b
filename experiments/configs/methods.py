"""Every method over its own range of strengths, in three worlds, from the same seeds: `guidance-bench study methods`.

One sampler, DDIM with eta = 1 (the ancestral sampler with v = 0), is one that every method is defined for. The main sweep gives
all as many levels; the others give those that do not cost two forwards a step the number of levels at which they cost the same.
The digits' model knows two groups of digits beside the ten, for the one method that asks for them.
"""

from experiments.classifier_networks import EvaluatorConfig
from experiments.configs.digits import QUICK as DIGITS
from experiments.configs.digits_exact import QUICK as DIGITS_EXACT
from experiments.configs.gaussians import QUICK as GAUSSIANS
from experiments.methods_config import MethodsConfig
from experiments.networks import DenoiserConfig, GroupedDenoiserConfig, UNetConfig
from experiments.sample import SamplerConfig
from experiments.study_config import Method, StudyConfig, Sweep
from guidance import METHODS

STEPS = 16
USUAL = (0.5, 1.0, 2.0, 4.0)
RANGES: dict[str | tuple[str, str], tuple[float, ...]] = {  # by method, or by world and method
    "classifier-free": (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
    "clean-classifier": (0.1, 0.25, 0.5, 1.0),
    "dps": (0.5, 2.0, 8.0, 32.0),
    "freedom": (0.03, 0.1, 0.3, 1.0),
    "image-loss": (0.5, 2.0, 8.0, 32.0),
    "mpgd": (0.03, 0.1, 0.3, 1.0),
    "tfg": (0.03, 0.1, 0.3, 1.0),
    "universal": (0.5, 1.0, 2.0, 4.0),
    "autoguidance": (0.25, 0.5, 1.0, 2.0),
    "beta-cfg": (0.05, 0.2, 0.8, 3.2),
    "block-drop": (0.25, 0.5, 1.0, 2.0),
    "composed": (0.25, 0.5, 1.0, 2.0),
    "higs": (0.25, 0.5, 1.0, 2.0),
    "icg": (0.1, 0.25, 0.5, 1.0),
    "mambo-g": (1.0, 4.0, 16.0, 64.0),
    "negative": (0.1, 0.25, 0.5, 1.0),
    "perp-neg": (0.1, 0.25, 0.5, 1.0),
    "self-guidance": (5.0, 15.0, 50.0, 150.0),
    ("gaussians", "self-guidance"): (0.5, 1.5, 5.0, 15.0),
    ("digits-exact", "self-guidance"): (0.5, 1.5, 5.0, 15.0),
    ("digits", "skip-layer"): (2.0, 8.0, 32.0, 128.0),
    "cfg++": (0.1, 0.2, 0.4, 0.8),
    "fk-steering": (0.5, 1.0, 2.0, 4.0),
    "tds": (0.5, 1.0, 2.0, 4.0),
    "particle-guidance": (0.5, 2.0, 8.0, 32.0),
    ("gaussians", "particle-guidance"): (0.0001, 0.0003, 0.0006, 0.001),
    "temperature": (0.05, 0.1, 0.2, 0.4),
    "shrunk-noise": (0.05, 0.1, 0.2, 0.4),
}
OPTIONS = {  # where the data leave [-1, 1]; and where alpha is so small that a network's x is its error, magnified
    ("digits-exact", "static-threshold"): {"limit": 2.0},
    ("digits-exact", "dynamic-threshold"): {"limit": 2.0},
    ("digits", "tds"): {"logsnr_min": -5.0},
}
ABSENT = ("discriminator",)  # of the model's samples: the role of a network that no study trains


def evaluations(name: str) -> float:
    """Network evaluations of one guided call, all kinds alike."""
    return sum(vars(METHODS[name]().price).values())


def possible(name: str, world: str) -> bool:
    """Whether a method can run there: networks have insides, the exact worlds have not, and points are no images."""
    method, exact = METHODS[name], world != "digits"
    insides = {"attention", "embedding"} & set(method.needs)
    if (exact and insides) or (world == "gaussians" and "image" in method.needs):
        return False
    return exact or not set(method.roles) & set(ABSENT)


def study(base: StudyConfig, fewer: int | None, **changes: object) -> StudyConfig:
    """The study of one world: every method that is possible there, at `fewer` of its strengths (None: at all)."""
    names = [name for name in METHODS if possible(name, base.world)]
    ranges = {name: RANGES.get((base.world, name), RANGES.get(name, USUAL)) for name in names}
    chosen = {name: some(ranges[name], fewer, name) for name in names}
    methods = tuple(Method(name=name, ws=ws, options=OPTIONS.get((base.world, name), {})) for name, ws in chosen.items())
    budget = STEPS * evaluations("classifier-free")
    steps = {name: max(4, round(budget / evaluations(name))) for name in names}
    others = sorted({count for count in steps.values() if count != STEPS})
    sampler = {"name": "ddim", "options": {"eta": 1.0}}
    equal = tuple(
        Sweep(
            sampler=SamplerConfig(steps=count, **sampler),
            ws=USUAL,
            methods=tuple(name for name in names if steps[name] == count),
        )
        for count in others
    )
    main = Sweep(sampler=SamplerConfig(steps=STEPS, **sampler), ws=USUAL)
    update = {"name": f"methods-{base.world}", "methods": methods, "sweeps": (main, *(equal if fewer is None else ())), **changes}
    return base.model_copy(update=update)


def some(ws: tuple[float, ...], count: int | None, name: str) -> tuple[float, ...]:
    """All of `ws`, or the reference's, or `count` of them evenly."""
    if count is None or name == "classifier-free" or count >= len(ws):
        return ws
    return tuple(ws[round(place * (len(ws) - 1) / max(1, count - 1))] for place in range(count))


def worlds(fewer: int | None, n: dict[str, int], **changes: object) -> dict[str, StudyConfig]:
    """The three studies."""
    exact = {"denoiser": None, "classifier": None}
    further = {
        "denoiser": GroupedDenoiserConfig(**DIGITS.denoiser.model_dump(), groups=2),
        "clean": EvaluatorConfig(arch="test_resnet", seed=500),
        "weak": DIGITS.denoiser.model_copy(
            update={"network": UNetConfig(width=8), "fit": DIGITS.denoiser.fit.model_copy(update={"steps": 300})}
        ),
        "unconditional": DenoiserConfig(
            p_uncond=1.0, network=UNetConfig(width=16), fit=DIGITS.denoiser.fit.model_copy(update={"steps": 1500})
        ),
    }
    every = ((GAUSSIANS, {}), (DIGITS_EXACT, exact), (DIGITS, further))
    return {base.world: study(base, fewer, n=n[base.world], part=n[base.world], **more, **changes) for base, more in every}


QUICK = MethodsConfig(worlds=worlds(2, {"gaussians": 900, "digits-exact": 200, "digits": 200}, sample_seeds=(0, 1)))
FULL = MethodsConfig(worlds=worlds(None, {"gaussians": 1500, "digits-exact": 400, "digits": 300}, sample_seeds=(0, 1, 2)))
STUDIES = {"quick": QUICK, "full": FULL}
