"""Conditioning dropout in all its forms: `guidance-bench study p-uncond-digits`, `p-uncond-fashion` and `dropout-digits`.

p-uncond: one training for each share of dropped labels in {0.05, 0.1, 0.2, 0.5}: the columns of Table 1 and Figure 4 of Ho &
Salimans, arXiv 2207.12598 (0.1, 0.2, 0.5), and one more. dropout-digits: a joint model beside two networks, one conditional and
trained without dropout, one unconditional, and beside the conditional one with dropout fine-tuned into it for a tenth of its
steps. Their training budgets are not equal: 1,000 steps, 2,000 in two networks, and 1,100 (full: 2,500, 5,000 and 2,750).
"""

from dataclasses import replace
from typing import Any

from experiments.studies.digits import FULL as DIGITS_FULL
from experiments.studies.digits import PAPER
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.fashion import FULL as FASHION_FULL
from experiments.studies.fashion import QUICK as SHIPPED_FASHION
from experiments.studies.paper_cfg import DIGITS_STUDIES as OF_DIGITS
from experiments.studies.paper_cfg import FASHION_STUDIES as OF_FASHION
from experiments.studies.paper_cfg import FEWER, CFGPaper, paper_of
from experiments.studies.several import Several
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.train import Train

P_UNCONDS = (0.05, 0.1, 0.2, 0.5)
TUNED = 0.2  # labels dropped in fine-tuning, as GLIDE dropped text (arXiv 2112.10741)


def with_p_uncond(model: Train, p_uncond: float) -> Train:
    """The same training of another share of dropped labels: 0, a conditional model alone; 1, an unconditional one."""
    return replace(model, objective=replace(model.objective, p_uncond=p_uncond))


def two_networks(model: Train) -> dict[str, Train]:
    """Fields of a study with two networks instead of one: `replace(study, methods=("two-networks",), **two_networks(model))`."""
    return {"model": with_p_uncond(model, 0.0), "unconditional": with_p_uncond(model, 1.0)}


def fine_tuned(model: Train, steps: int, p_uncond: float = TUNED) -> Train:
    """The model trained without dropout, which is a parent task, and then with it for `steps` steps."""
    warmup = min(model.fit.warmup, steps // 10)
    fit = replace(model.fit, steps=steps, warmup=warmup, snapshots=(), averages=None)
    return replace(with_p_uncond(model, p_uncond), fit=fit, begin=with_p_uncond(model, 0.0))


def p_unconds(paper: CFGPaper, name: str) -> CFGPaper:
    """A paper's figures with one more share of dropped labels, over Table 1's sweep alone."""
    base = replace(paper.base, name=name, sweeps=paper.base.sweeps[:1])
    return replace(paper, name=name, base=base, p_unconds=P_UNCONDS, plane=None)


def forms(base: TradeOff, name: str, **changes: Any) -> Several:
    """The joint model, two networks, and fine-tuned dropout, by the paper's sampler."""
    ws = {"sampler": PAPER, "steps": 32, "ws": FEWER}
    own = replace(base, name=name, methods=("classifier-free",), sweeps=(Sweep(**ws),), classifier=None, **changes)
    steps = max(1, own.model.fit.steps // 10)
    return Several(
        name=name,
        base=own,
        others={
            "two trainings": replace(own, methods=("two-networks",), **two_networks(own.model)),
            "fine-tuned": replace(own, model=fine_tuned(own.model, steps)),
        },
    )


SMALL = replace(DIGITS.model, fit=replace(DIGITS.model.fit, steps=1000))
FASHION_SMALL = replace(FASHION_FULL.model, fit=replace(FASHION_FULL.model.fit, steps=500, snapshots=()), n_test=500)
P_UNCOND_DIGITS = {form: p_unconds(paper, "p-uncond-digits") for form, paper in OF_DIGITS.items()}
P_UNCOND_FASHION = {
    "quick": p_unconds(paper_of(replace(SHIPPED_FASHION, model=FASHION_SMALL), (16,), n=500, part=500), "p-uncond-fashion"),
    "full": p_unconds(OF_FASHION["full"], "p-uncond-fashion"),
}
DROPOUT_DIGITS = {
    "quick": forms(DIGITS, "dropout-digits", model=SMALL),
    "full": forms(DIGITS_FULL, "dropout-digits"),
}
