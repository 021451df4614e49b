"""Guidance at the price of one forward, beside plain guidance and other ways to pay less: `guidance-bench study one-forward`.

One network for each way, trained alike: late conditioning (two places), a distilled student, guidance-free training,
model-guidance and an internal head; and on the plain network itself a window, an adaptive and a cached null branch, momentum and
autoguidance. On digits-exact the error against the exact guided field is kept too. Quick: short trainings, one of each. Full:
three of each, on the digits at the steps of their own studies, on Fashion-MNIST of a narrow network at 800.
"""

from dataclasses import replace
from typing import Any

from experiments.networks import UNet
from experiments.objectives.denoising import Denoising
from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.model_guidance import ModelGuidance
from experiments.studies.comparison import Comparison
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.digits_exact import QUICK as DIGITS_EXACT
from experiments.studies.fashion import FULL as FASHION
from experiments.studies.fashion import QUICK as SHIPPED
from experiments.studies.sweep import Curve, Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.fit import Fit
from experiments.tasks.students import guided_student
from experiments.tasks.train import Train
from experiments.tasks.weaker import Smaller
from guidance.grids import EvenInLogSNR, EvenInU
from guidance.samplers.ddim import DDIM

STEPS = 16
WS, FEWER = (0.25, 0.5, 1.0, 2.0, 4.0), (0.5, 1.0, 2.0, 4.0)
STRONGEST = max(WS)
NARROW = UNet(width=12, multipliers=(1, 2, 2), attention=(2,))  # on Fashion-MNIST: ten trainings of it take an hour of a core
PLACES = ("up", "last")  # from which on the label is seen


def curves(model: Train, student_fit: Fit, clip: float, ws: tuple[float, ...]) -> tuple[Curve, ...]:
    """Plain guidance, and every way to pay less for it, of networks that differ from the model in this alone.

    clip: of the teacher's x, as samples of this world are clipped. ws: where a method's scale is that of plain guidance.
    """

    def network(**options: Any) -> Any:
        return replace(model.network, **options)

    def learned(objective: Any) -> Train:
        return replace(model, network=network(strength=True), objective=objective(model))

    late = (Curve(method="classifier-free", ws=(0.0, *ws), model=with_label_from(model, place), called=place) for place in PLACES)
    internal = replace(
        model,
        network=network(internal_head=middle(model.network)),
        objective=replace(model.objective, internal_weight=0.5),
    )
    return (
        Curve(method="classifier-free", ws=(0.0, *ws)),
        Curve(method="limited-interval", ws=ws),
        Curve(method="adaptive", ws=ws),
        Curve(method={"is": "cached", "every": 2.0}, ws=ws),
        Curve(method="momentum", ws=(0.1, 0.25, 0.5, 1.0)),
        Curve(method="autoguidance", ws=(0.25, 0.5, 1.0, 2.0)),
        *late,
        Curve(
            method="distilled", ws=(0.0, *ws), model=guided_student(model, student_fit, high=STRONGEST, clip=clip, target="eps")
        ),
        Curve(method="guidance-free", ws=(0.0, *ws), model=learned(guidance_free)),
        Curve(method="model-guidance", ws=(0.0, *ws), model=learned(model_guidance)),
        Curve(method="internal", ws=(0.0, 0.25, 0.5, 1.0, 2.0), model=internal),
    )


def with_label_from(model: Train, place: str) -> Train:
    """The same training of a network that sees the label from a place on."""
    return replace(model, network=replace(model.network, label_from=place))


def guidance_free(model: Train) -> GuidanceFree:
    """The objective that takes the place of the model's."""
    return GuidanceFree(p_uncond=model.objective.p_uncond, density=model.objective.density)


def model_guidance(model: Train) -> ModelGuidance:
    """The objective that takes the place of the model's, over a range of w, and at every lambda as the others."""
    return ModelGuidance(p_uncond=model.objective.p_uncond, density=model.objective.density, w=STRONGEST, logsnr_min=None)


def middle(network: UNet) -> int:
    """How many blocks of the U-Net come before its way up."""
    return len(network.multipliers) * network.blocks + 1


def study(
    base: TradeOff, model: Train, weak: Smaller, student_fit: Fit, ws: tuple[float, ...], grid: Any = None, **changes: Any
) -> TradeOff:
    """The ways of one world."""
    return replace(
        base,
        name=f"one-forward-{base.world.label}",
        model=model,
        oracle=None,
        classifier=None,
        weak=weak,
        methods=curves(model, student_fit, base.clip or 1.0, ws),
        sweeps=(Sweep(sampler=DDIM(), steps=STEPS, ws=ws, grid=grid or EvenInU()),),
        features=(),
        references={},
        denoising_loss=500,
        **changes,
    )


def worlds(
    steps: dict[str, int], n: dict[str, int], base: TradeOff, n_test: int | None = None, **seeds: Any
) -> dict[str, TradeOff]:
    """By world. steps: of every training; n: samples of a cell; base: who measures Fashion-MNIST; n_test: as of Train."""

    found = {}
    for each, training, network, more in (
        (DIGITS, DIGITS.model, DIGITS.model.network, {}),
        (DIGITS_EXACT, DIGITS_EXACT.model, DIGITS_EXACT.model.network, {"guided_error": 200}),
        (base, FASHION.model, NARROW, {"grid": EvenInLogSNR()}),
    ):
        name = each.world.label
        fit = replace(training.fit, steps=steps[name], snapshots=(), warmup=min(training.fit.warmup, steps[name] // 10))
        objective = Denoising(density=training.objective.density)
        model = replace(training, network=network, fit=fit, objective=objective, n_test=n_test)
        weak = Smaller(width=network.width // 2, steps=max(1, fit.steps // 4))
        found[name] = study(each, model, weak, replace(fit, steps=fit.steps // 2), n=n[name], part=n[name], **more, **seeds)
    return found


QUICK = Comparison(
    name="one-forward",
    worlds=worlds(
        steps={"digits": 800, "digits-exact": 800, "fashion": 100},
        n={"digits": 200, "digits-exact": 200, "fashion": 100},
        base=SHIPPED,
        n_test=500,  # of thousands, each at nine levels, would take as long as the short trainings themselves
        ws=FEWER,
        train_seeds=(0,),
        sample_seeds=(0, 1),
    ),
)
FULL = Comparison(
    name="one-forward",
    worlds=worlds(
        steps={"digits": 2500, "digits-exact": 2500, "fashion": 800},
        n={"digits": 500, "digits-exact": 500, "fashion": 400},
        base=FASHION,
        ws=WS,
        train_seeds=(0, 1, 2),
        sample_seeds=(0, 1, 2, 3),
    ),
)
STUDIES = {"quick": QUICK, "full": FULL}
