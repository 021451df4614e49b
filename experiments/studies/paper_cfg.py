"""The figures and tables of Ho & Salimans, "Classifier-Free Diffusion Guidance" (arXiv 2207.12598): `guidance-bench paper cfg`.

Theirs: ancestral sampling with v = 0.3, T = 256, p_uncond in {0.1, 0.2, 0.5} (Table 1, Figure 4), T in {128, 256, 1024} (Table 2,
Figure 5), 14 strengths w from 0 to 4. Quick, of digits: small trainings, T = 32 and 8 strengths; some four minutes on two CPU
cores. Quick, of fashion: the network that ships with the package, which has one p_uncond: Figure 4 has one curve. Full: three
trainings of every p_uncond, three sampling seeds, all strengths; some hours.
"""

from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Name
from experiments.graph.value import value
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.fashion import FULL as FASHION
from experiments.studies.fashion import QUICK as SHIPPED_FASHION
from experiments.studies.gaussians import QUICK as GAUSSIANS
from experiments.studies.paper_parts import OfParts, Part, require_images
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.train import Train
from guidance.samplers.ancestral import Ancestral

METHOD = "classifier-free"
PAPER = Ancestral(v=0.3)
WS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0)  # of Tables 1 and 2
FEWER = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
P_UNCONDS = (0.1, 0.2, 0.5)


@value
class CFGPaper(OfParts):
    """base: the trade-off of classifier-free guidance whose first sweep is Table 1's; all its sweeps are Table 2's, by T.

    p_unconds: of the trainings of Table 1, that of the base among them; (): the base's model alone, as of a checkpoint.
    plane: the study of three Gaussians behind Figure 2 (None: left out).
    """

    report: ClassVar[str] = "paper-cfg"
    title: ClassVar[str] = "Figures and tables of Classifier-Free Diffusion Guidance"
    name: Name
    base: TradeOff
    p_unconds: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = P_UNCONDS
    plane: TradeOff | None = None

    @model_validator(mode="after")
    def fits_the_paper(self) -> "CFGPaper":
        """ValueError for an exact world, other methods, a p_uncond that cannot be trained, or no plane."""
        require_images(self.base)
        if [curve.label for curve in self.base.methods] != [METHOD]:
            raise ValueError(f"base.methods: the paper has one, {METHOD}")
        if any(sweep.snapshot is not None for sweep in self.base.sweeps):
            raise ValueError("base.sweeps: the paper samples whole trainings; leave snapshot out")
        if len({(sweep.label, sweep.steps) for sweep in self.base.sweeps}) < len(self.base.sweeps):
            raise ValueError("base.sweeps: one for each sampler and number of steps")
        own = self.p_uncond
        if self.p_unconds and own is None:
            raise ValueError("p_unconds: the base's model is no training of the joint objective: leave them out, as []")
        if len(set(self.p_unconds)) < len(self.p_unconds):
            raise ValueError("p_unconds: one stands there twice")
        if self.p_unconds and own not in self.p_unconds:
            raise ValueError(f"p_unconds: that of the base, {own:g}, is not among them")
        if self.plane is not None and tuple(self.plane.world.shape) != (2,):
            raise ValueError(f"plane: Figure 2 is of points in the plane, and {self.plane.world.label} is not")
        return self

    @property
    def p_uncond(self) -> float | None:
        """Of the base's training; None of what is no training of the joint objective."""
        return getattr(self.base.model.objective, "p_uncond", None) if isinstance(self.base.model, Train) else None

    @property
    def parts(self) -> list[Part]:
        trained = [Part(self._with(p), f" (p_uncond = {p:g})") for p in self.p_unconds]
        return [*(trained or [Part(self.base)]), *([Part(self.plane)] if self.plane is not None else [])]

    def _with(self, p_uncond: float) -> TradeOff:
        """The base of another p_uncond, over Table 1's sweep alone."""
        if p_uncond == self.p_uncond:
            return self.base
        model = self.base.model
        model = replace(model, objective=replace(model.objective, p_uncond=p_uncond))
        return replace(self.base, model=model, sweeps=self.base.sweeps[:1])


def at(steps: int, ws: tuple[float, ...]) -> Sweep:
    """The paper's sampler."""
    return Sweep(sampler=PAPER, steps=steps, ws=ws)


def paper_of(base: TradeOff, steps: tuple[int, ...] = (32, 8, 16), ws: tuple[float, ...] = FEWER, **changes: object) -> CFGPaper:
    """The study of the paper's figures of any trade-off of images: its world, networks, evaluator, seeds and n.

    steps: of Table 1 first, then the others of Table 2.
    """
    require_images(base)
    name = f"paper-cfg-{base.name}"
    others = {"classifier": None, "clean": None, "weak": None, "unconditional": None}
    sweeps = tuple(at(count, ws) for count in steps)
    base = replace(base, name=name, methods=(METHOD,), sweeps=sweeps, oracle=None, **others, **changes)
    joint = isinstance(base.model, Train) and hasattr(base.model.objective, "p_uncond")
    return CFGPaper(
        name=name,
        base=base,
        p_unconds=tuple(sorted({*P_UNCONDS, base.model.objective.p_uncond})) if joint else (),
        plane=PLANE,
    )


PLANE = replace(
    GAUSSIANS,
    name="paper-cfg-plane",
    methods=(METHOD,),
    sweeps=(Sweep(sampler=Ancestral(), steps=64, ws=(0.0, 0.5, 1.0, 2.0, 4.0)),),
    sample_seeds=(0,),
    n=1500,
    part=1500,
)
SMALL = replace(DIGITS.model, fit=replace(DIGITS.model.fit, steps=1000))
SEEDS = {"train_seeds": (0, 1, 2), "sample_seeds": (0, 1, 2)}
DIGITS_STUDIES = {"quick": paper_of(DIGITS, model=SMALL), "full": paper_of(DIGITS, (64, 16, 32), WS, **SEEDS)}
FASHION_STUDIES = {
    "quick": paper_of(SHIPPED_FASHION, (16, 8, 32), n=500, part=500),
    "full": paper_of(FASHION, (32, 16, 64), WS, **SEEDS),
}
