"""What is swept: methods over their own strengths, and one sampler over a grid of them."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from experiments.fields import Count, GridOf, MethodOf, SamplerOf, Strengths
from experiments.graph.value import label, value
from experiments.tasks.sources import Source
from guidance.grids import EvenInU


@value
class Curve:
    """A method, whatever its w, and its own strengths (None: those of the sweep).

    model, weak: who plays these roles for this curve alone, instead of the study's: a network that was trained in another way, or
    a weak model of another kind. called: what its name in a table says of them, as "late" in "classifier-free (late)".
    """

    method: MethodOf
    ws: Strengths | None = None
    model: Source | None = None
    weak: Source | None = None
    called: Annotated[str, Field(pattern=r"^[^()]*$")] = ""

    def at(self, w: float) -> Any:
        """The method at strength w."""
        return replace(self.method, w=w)

    @property
    def label(self) -> str:
        """Its name in a table: the method's, the options that are not the defaults, and what it is called."""
        return label(self.method, "w") + (f" ({self.called})" if self.called else "")


def as_curve(given: Any) -> Any:
    """A curve of a method, of its name, or of {"is": its name, "ws": ..., **its options}."""
    if isinstance(given, Curve) or (isinstance(given, dict) and "method" in given):
        return given
    if isinstance(given, dict):
        given = {key: held for key, held in given.items() if not (key == "is" and held == "Curve")}
        own = {field.name for field in fields(Curve)} - {"method"}
        return Curve(
            method={key: held for key, held in given.items() if key not in own},
            **{key: held for key, held in given.items() if key in own},
        )
    return Curve(method=given)


Curves = Annotated[tuple[Annotated[Curve, BeforeValidator(as_curve)], ...], Field(min_length=1)]


@value
class Sweep:
    """One sampler over a grid of w, for the methods of these names (None: for all of the study's).

    snapshot: the model as it was after so many steps of its training (one of its fit.snapshots), instead of as it ended.
    """

    sampler: SamplerOf
    steps: Annotated[int, Field(ge=2)]
    ws: Strengths
    grid: GridOf = EvenInU()
    methods: tuple[str, ...] | None = None
    snapshot: Count | None = None

    def cells(self, curves: Sequence[Curve]) -> list[tuple[float, Curve]]:
        """(w, curve) of every cell: each method over its own w, if it has some, or else over the sweep's."""
        mine = [curve for curve in curves if self.methods is None or curve.method.name in self.methods]
        ws = sorted({w for curve in mine for w in curve.ws or self.ws})
        return [(w, curve) for w in ws for curve in mine if w in (curve.ws or self.ws)]

    @property
    def label(self) -> str:
        """The sampler's name in a table: its options and grid too, where they are not the defaults."""
        return label(self.sampler) + ("" if self.grid == EvenInU() else f" on {label(self.grid)}")

    @property
    def of_model(self) -> str:
        """What the name of a method says of the model: nothing of the one that its training ended with."""
        return "" if self.snapshot is None else f" (after {self.snapshot} steps)"
