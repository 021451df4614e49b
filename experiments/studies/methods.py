"""Every method over its own range of strengths, in four worlds, from the same seeds: `guidance-bench study methods`.

One sampler, DDIM with eta = 1 (the ancestral sampler with v = 0), is one that every method is defined for. The main sweep gives
all as many levels; the others give those that do not cost two forwards per step the number of levels at which they cost the same.
The digits' model also knows two groups of digits, for the one method that needs them. On Fashion-MNIST the networks are those
that ship with the package, so that methods which need a clean classifier or a network without classes are not there, nor those of
more than five evaluations a step; levels are even in lambda, and the main sweep is all there is. In the exact worlds, where
sampling is cheap, every method has six strengths in the full form, and four elsewhere. The main sweeps of gaussians,
digits-exact and fashion are those of the protocol (BENCHMARK.md), so that methods are submitted out of this study.
"""

from dataclasses import replace

from experiments.networks import Timm, UNet
from experiments.objectives.denoising import Denoising
from experiments.studies.comparison import REFERENCE, Comparison
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.digits_exact import QUICK as DIGITS_EXACT
from experiments.studies.fashion import QUICK as FASHION
from experiments.studies.gaussians import QUICK as GAUSSIANS
from experiments.studies.sweep import Curve, Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from guidance.grids import EvenInLogSNR, EvenInU
from guidance.methods import METHODS
from guidance.samplers.ddim import DDIM

STEPS = 16
USUAL, SMALL = (0.5, 1.0, 2.0, 4.0), (0.1, 0.25)
RANGES: dict[str | tuple[str, str], tuple[float, ...]] = {  # by method, or by world and method
    "classifier-free": (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
    "clean-classifier": (0.1, 0.25, 0.5, 1.0),
    "dps": (0.5, 2.0, 8.0, 32.0),
    "freedom": (0.03, 0.1, 0.3, 1.0),
    "image-loss": (0.5, 2.0, 8.0, 32.0),
    "nonrobust-classifier": (0.5, 2.0, 8.0, 32.0),
    ("gaussians", "nonrobust-classifier"): (2.0, 8.0, 32.0, 128.0),
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
    "momentum": (0.125, 0.25, 0.5, 1.0),
    "negative": (0.1, 0.25, 0.5, 1.0),
    "perp-neg": (0.1, 0.25, 0.5, 1.0),
    "c2fg": (1.0, 2.0, 4.0, 8.0),
    "power-law": (0.1, 0.3, 1.0, 3.0),
    "reg": (1.0, 2.0, 4.0, 8.0),
    "reg-autoguidance": (0.5, 1.0, 2.0, 4.0),
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
TRAINED = ("clean", "loss", "unconditional", "groups")  # on Fashion-MNIST: what no network that ships can play or knows
DEAREST = 5.0  # evaluations of a guided call there


def evaluations(name: str) -> float:
    """Network evaluations of one guided call, all kinds alike."""
    return sum(vars(METHODS[name]().nfe_per_call).values())


def possible(name: str, base: TradeOff) -> bool:
    """Whether a method can run in this study: an exact model has no layers to perturb, points are no images, and no model here is
    conditioned on a strength or has an internal head.
    """
    method, exact = METHODS[name], base.oracle is not None
    needs, roles = set(method.requires_model), set(method.roles)
    if needs & {"strength", "internal"}:
        return False
    if (exact and needs & {"attention", "embedding"}) or (len(base.world.shape) != 3 and "image" in needs):
        return False
    if base.world.label == FASHION.world.label and ((roles | needs) & set(TRAINED) or evaluations(name) > DEAREST):
        return False
    return exact or not roles & set(ABSENT)


def study(base: TradeOff, fewer: int | None, **changes: object) -> TradeOff:
    """The study of one world: every method that is possible there, at `fewer` of its strengths (None: at all)."""
    world = base.world.label
    names = [name for name in METHODS if possible(name, base)]
    ranges = {name: RANGES.get((world, name), RANGES.get(name, USUAL)) for name in names}
    if base.oracle is not None and fewer is None:  # where a cell costs a tenth of a second
        ranges = {name: ws if name == REFERENCE else with_smaller(ws) for name, ws in ranges.items()}
    chosen = {name: some(ranges[name], fewer, name) for name in names}
    methods = tuple(Curve(method=METHODS[name](**OPTIONS.get((world, name), {})), ws=ws) for name, ws in chosen.items())
    budget = STEPS * evaluations(REFERENCE)
    steps = {name: max(4, round(budget / evaluations(name))) for name in names}
    others = sorted({count for count in steps.values() if count != STEPS})
    equal = (
        Sweep(sampler=DDIM(eta=1.0), steps=count, ws=USUAL, methods=tuple(name for name in names if steps[name] == count))
        for count in others
    )
    main = Sweep(sampler=DDIM(eta=1.0), steps=STEPS, ws=USUAL, grid=EvenInLogSNR() if world == FASHION.world.label else EvenInU())
    sweeps = (main, *(equal if fewer is None and world != FASHION.world.label else ()))
    return replace(base, name=f"methods-{world}", methods=methods, sweeps=sweeps, **changes)


def with_smaller(ws: tuple[float, ...]) -> tuple[float, ...]:
    """`ws` and two below: those of plain guidance, so that equal samples stand at equal w, or by the ratio of the first two."""
    below = SMALL if ws == USUAL else [float(f"{ws[0] * (ws[0] / ws[1]) ** k:.3g}") for k in (2, 1)]
    return (*below, *ws)


def some(ws: tuple[float, ...], count: int | None, name: str) -> tuple[float, ...]:
    """All of `ws`, or the reference's, or `count` of them evenly."""
    if count is None or name == REFERENCE or count >= len(ws):
        return ws
    return tuple(ws[round(place * (len(ws) - 1) / max(1, count - 1))] for place in range(count))


def worlds(fewer: int | None, n: dict[str, int], seeds: dict[str, int], trainings: int) -> dict[str, TradeOff]:
    """The studies by world. n: samples of a cell; seeds: how many of sampling; trainings: of each of the digits' networks."""
    exact = {"model": None, "classifier": None}
    further = {
        "model": replace(DIGITS.model, objective=Denoising(groups=2)),
        "clean": replace(DIGITS.evaluator, network=Timm(), seed=500),
        "weak": replace(DIGITS.model, network=UNet(width=8), fit=Fit(steps=300, lr=2e-3)),
        "unconditional": Train(
            world=DIGITS.world, network=UNet(width=16), objective=Denoising(p_uncond=1.0), fit=Fit(steps=1500, lr=2e-3)
        ),
        "train_seeds": tuple(range(trainings)),
    }
    every = ((GAUSSIANS, {}), (DIGITS_EXACT, exact), (DIGITS, further), (FASHION, {"batch": 400}))
    return {
        (name := base.world.label): study(base, fewer, n=n[name], part=n[name], sample_seeds=tuple(range(seeds[name])), **changes)
        for base, changes in every
    }


QUICK = Comparison(
    name="methods",
    worlds=worlds(
        2,
        n={"gaussians": 900, "digits-exact": 200, "digits": 200, "fashion": 100},
        seeds={"gaussians": 2, "digits-exact": 2, "digits": 2, "fashion": 2},
        trainings=1,
    ),
)
FULL = Comparison(
    name="methods",
    worlds=worlds(
        None,
        n={"gaussians": 1500, "digits-exact": 400, "digits": 300, "fashion": 400},
        seeds={"gaussians": 8, "digits-exact": 8, "digits": 2, "fashion": 4},
        trainings=3,
    ),
)
STUDIES = {"quick": QUICK, "full": FULL}
