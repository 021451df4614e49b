"""Two conditions with two scales over a grid (InstructPix2Pix, arXiv 2211.09800): `guidance-bench study two-conditions-digits`,
`two-conditions-fashion` and `two-conditions-exact`.

The worlds have a second label that is worked out from every sample (experiments.worlds.paired). The scales are the paper's:
1 + fine w of the class, 1 + coarse w of the second label; w = 0 is the conditional model whatever the shares.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from experiments.objectives.paired_denoising import PairedDenoising
from experiments.second_label import SecondLabel
from experiments.studies.digits import FULL as DIGITS_FULL
from experiments.studies.digits import PAPER
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.digits_exact import FULL as DIGITS_EXACT
from experiments.studies.fashion import FULL as FASHION
from experiments.studies.fashion import MAIN
from experiments.studies.sweep import Curve, Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.judge import Judge
from experiments.tasks.sources import Exact
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.fashion import Fashion
from experiments.worlds.paired import Paired
from guidance.methods import METHODS
from guidance.methods.method import Method

SCALES = (0.5, 1.0, 2.0, 4.0)
FEWER = (1.0, 4.0)


def grid(classes: tuple[float, ...], seconds: tuple[float, ...]) -> tuple[Curve, ...]:
    """Curves over all (w of the class, w of the second label), and w = 0: one for each share of the two, `coarse`, and one with
    `fine` = 0 over the second label's w alone, which no share of the class's w reaches.

    Equal w are classifier-free guidance, two evaluations instead of three. It comes first: what others are compared with.
    """
    by_share: dict[float, list[float]] = {}
    for w in classes:
        for second in seconds:
            by_share.setdefault(second / w, []).append(w)
    ordered = sorted(by_share.items(), key=lambda item: (item[0] != 1, item[0]))
    curves = [Curve(method=_of_share(share), ws=(0.0, *ws)) for share, ws in ordered]
    if alone := tuple(second for second in seconds if second):
        curves.append(Curve(method=METHODS["two-conditions"](coarse=1.0, fine=0.0), ws=(0.0, *alone)))
    return tuple(curves)


def _of_share(share: float) -> Method:
    return METHODS["classifier-free"]() if share == 1 else METHODS["two-conditions"](coarse=share)


def of_pairs(
    base: TradeOff, world: Paired, name: str, steps: int, sweep: Sweep, n_test: int | None = None, **changes: Any
) -> TradeOff:
    """The study of a world of pairs: the base's network, evaluator and numbers, both labels dropped in training (its n_test)."""
    objective = PairedDenoising(density=base.model.objective.density)
    fit = replace(base.model.fit, steps=steps, snapshots=())
    model = replace(base.model, world=world, objective=objective, fit=fit, n_test=n_test)
    own = {"world": world, "model": model, "classifier": None, "weak": None, "features": (), "references": {}}
    own |= {"name": name, "sweeps": (sweep,), "metrics": (SecondLabel(),), "real": None}
    if base.evaluator is not None:
        own["evaluator"] = replace(base.evaluator, world=world)
        own["judges"] = tuple(
            Judge(called=judge.called, classifier=replace(judge.classifier, world=world)) for judge in base.judges
        )
    return replace(base, **own | changes)


def scales(ws: tuple[float, ...]) -> dict[str, Any]:
    """All pairs of these w and 0."""
    return {"methods": grid(ws, (0.0, *ws))}


SAMPLED = Sweep(sampler=PAPER, steps=32, ws=(0.0,))
PART = 448  # the test set has 457 images, of 14 pairs: as many of each in a part
DIGITS_OF = partial(of_pairs, world=Paired(), name="two-conditions-digits", sweep=SAMPLED, part=PART)
FASHION_OF = partial(of_pairs, world=Paired(base=Fashion()), name="two-conditions-fashion", sweep=MAIN(ws=(0.0,)))
EXACT = Paired(base=DigitsExact())
EXACT_OF = partial(of_pairs, DIGITS_EXACT, EXACT, "two-conditions-exact", 2500, DIGITS_EXACT.sweeps[0], oracle=Exact(world=EXACT))
ONE = {"train_seeds": (0,), "sample_seeds": (0,)}
DIGITS_STUDIES = {
    "quick": DIGITS_OF(DIGITS, steps=1000, **scales(FEWER)),
    "full": DIGITS_OF(DIGITS_FULL, steps=2500, **scales(SCALES)),
}
FASHION_STUDIES = {
    "quick": FASHION_OF(FASHION, steps=500, n_test=500, n=500, part=500, **ONE, **scales(FEWER)),
    "full": FASHION_OF(FASHION, steps=2000, **scales(SCALES)),
}
EXACT_STUDIES = {
    "quick": EXACT_OF(model=None, **ONE, **scales(FEWER)),
    "full": EXACT_OF(**scales(SCALES)),
}
