"""Table 4 and Figures 3 to 5 of Dhariwal & Nichol (arXiv 2105.05233), classifier guidance: `guidance-bench paper adm`.

Theirs: Algorithm 1 (the step's mean is shifted) at 250 steps, on a conditional and on an unconditional network, scales 1 and 10.
A scale s is w = s on the conditional base and w = s - 1 on the unconditional one. Quick, of digits: a small training, T = 32; a
minute or two on two CPU cores beside `paper cfg`, whose networks it shares. Quick, of fashion: the networks that ship with the
package. Full: three trainings, three sampling seeds, more scales.
"""

from dataclasses import replace
from typing import ClassVar

from pydantic import model_validator

from experiments.fields import Name
from experiments.graph.value import value
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.fashion import FULL as FASHION
from experiments.studies.fashion import QUICK as SHIPPED_FASHION
from experiments.studies.paper_cfg import PAPER, SEEDS, SMALL
from experiments.studies.paper_parts import OfParts, Part, require_images
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.unlabelled import Unlabelled

ALGORITHM_1 = "classifier-mean"
SCALES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
MORE = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
UNCONDITIONAL = " (unconditional base)"


@value
class ADMPaper(OfParts):
    """base: the trade-off of one method that a classifier guides; the strengths of its sweeps are the scales, on both bases.

    The unconditional base is base.unconditional, a network of its own as the paper's, or where there is none the null label of
    the joint model.
    """

    report: ClassVar[str] = "paper-adm"
    title: ClassVar[str] = "Table 4 and Figures 3 to 5 of Diffusion Models Beat GANs"
    name: Name
    base: TradeOff

    @model_validator(mode="after")
    def fits_the_paper(self) -> "ADMPaper":
        """ValueError for an exact world, a method that no classifier guides, negative scales, or no classifier."""
        require_images(self.base)
        methods = [curve.method for curve in self.base.methods]
        if len(methods) != 1 or set(methods[0].roles) != {"model", "classifier"} or methods[0].null_w:
            raise ValueError(f"base.methods: one that a classifier guides, {ALGORITHM_1} or classifier")
        if any(w < 0 for sweep in self.base.sweeps for w, _ in sweep.cells(self.base.methods)):
            raise ValueError("base.sweeps: scales are not negative")
        return self

    @property
    def parts(self) -> list[Part]:
        source = self.base.unconditional if self.base.unconditional is not None else self.base.model
        unconditional = replace(self.base, model=Unlabelled(source=source), unconditional=None)
        return [Part(replace(self.base, unconditional=None)), Part(unconditional, UNCONDITIONAL, -1.0)]


def paper_of(base: TradeOff, steps: int = 32, scales: tuple[float, ...] = SCALES, **changes: object) -> ADMPaper:
    """The study of the paper's table of any trade-off of images with a noise-aware classifier.

    ValueError for one without.
    """
    require_images(base)
    if base.classifier is None:
        raise ValueError(f"{base.name} has no classifier that guides: set classifier")
    name = f"paper-adm-{base.name}"
    sweeps = (Sweep(sampler=PAPER, steps=steps, ws=scales),)
    others = {"oracle": None, "clean": None, "weak": None}
    return ADMPaper(name=name, base=replace(base, name=name, methods=(ALGORITHM_1,), sweeps=sweeps, **others, **changes))


DIGITS_STUDIES = {"quick": paper_of(DIGITS, model=SMALL), "full": paper_of(DIGITS, 64, MORE, **SEEDS)}
FASHION_STUDIES = {
    "quick": paper_of(SHIPPED_FASHION, 16, n=500, part=500),
    "full": paper_of(FASHION, 32, MORE, **SEEDS),
}
