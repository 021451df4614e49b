"""Weak models for autoguidance (Karras et al., arXiv 2406.02507): `guidance-bench study weak-models-digits`.

The same model guided by itself earlier in its training, by a longer average of its weights, rebuilt after training, and by a
smaller network that was trained less, beside classifier-free guidance.
"""

from dataclasses import replace
from typing import Any

from experiments.studies.digits import FULL as DIGITS_FULL
from experiments.studies.digits import PAPER
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.several import Several
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.power_ema import Averages
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.weaker import PostHoc, Smaller

WS = (0.0, 0.25, 0.5, 1.0, 2.0)


def weak_models(base: TradeOff, name: str, steps: int) -> Several:
    """A model of `steps` steps that keeps snapshots and averages, and what guides it."""
    fit = replace(base.model.fit, steps=steps, snapshots=(steps // 8, steps // 4), averages=Averages(every=max(1, steps // 16)))
    own: dict[str, Any] = {"name": name, "classifier": None, "model": replace(base.model, fit=fit)}
    sweep = Sweep(sampler=PAPER, steps=32, ws=WS)
    plain = replace(base, methods=("classifier-free",), sweeps=(sweep,), **own)
    weak = {
        "an eighth of the steps": Snapshot(step=steps // 8),
        "a quarter of the steps": Snapshot(step=steps // 4),
        "average of 0.2": PostHoc(sigma_rel=0.2),
        "a third of the width": Smaller(width=8, steps=steps // 4),
    }
    guided = replace(plain, methods=("autoguidance",), weak=weak["an eighth of the steps"])
    return Several(name=name, base=plain, others={words: replace(guided, weak=one) for words, one in weak.items()})


STUDIES = {
    "quick": weak_models(DIGITS, "weak-models-digits", 1000),
    "full": weak_models(DIGITS_FULL, "weak-models-digits", 2500),
}
