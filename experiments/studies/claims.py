"""Claims of papers about guidance, tested where score, classifier and density are exact: `guidance-bench study claims`.

a. Does Algorithm 1's gradient at z instead of at the step's mean matter? (Dhariwal & Nichol, arXiv 2105.05233; its author calls
   it "a slight bug" in thread 51 of guided-diffusion.)
b. Does the distortion of guidance grow with the number of classes against the dimension, and does a window of negative w undo the
   shrinking of the variance? (arXiv 2602.00716)
c. Does classifier-free guidance become exact as the dimension grows? (arXiv 2502.07849)
d. Do classifier and classifier-free guidance push away from decision boundaries alike? (arXiv 2503.10638)

Dimensions 1 to 128 by factors of 2 to 4, and 2, 8 and 32 classes: log(classes) / dimension, which b is about, then runs from
0.005 to 3.5, through the 1 that exponentially many classes mean. Quick: five sampling seeds of one draw of the means; full: ten,
and four times as many samples.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Count, DensityOf, MethodOf, Name, SamplerOf, Seeds, Size, Strengths, WorldOf
from experiments.graph.store import Store
from experiments.graph.value import encode, label, value
from experiments.studies.beside import NO_TRAINING
from experiments.studies.study import TABLE, Placed, Study, failures_of, provenance_of, samples_of, shared, tables_of
from experiments.studies.sweep import Curve, Curves
from experiments.tasks.round_classes import GuidanceField, MeasureRoundClasses, Moved, round_classes_of
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.worlds.mixture import MixtureWorld
from guidance.methods import METHODS
from guidance.samplers.ddim import DDIM
from guidance.schedules import CosineLogSNR

EARLY, LATE = -2.0, 2.0  # lambda where a window of b ends, and the next one begins
Dimensions = Annotated[tuple[Count, ...], Field(min_length=1)]
ClassCounts = Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)]


def in_windows(w: float) -> tuple[Curve, ...]:
    """Classifier-free guidance at one w within one of three windows of lambda, the conditional model outside."""
    ends = ((None, EARLY), (EARLY, LATE), (LATE, None))
    kind = METHODS["limited-interval"]
    return tuple(Curve(method=kind(w=w, logsnr_min=low, logsnr_max=high), ws=(w,)) for low, high in ends)


def turning() -> tuple[Curve, ...]:
    """Guidance that pushes at first, and turns to a negative w for good at one of two lambdas."""
    kind = METHODS["negative-window"]
    return tuple(Curve(method=kind(turn=turn), ws=(1.0, 4.0)) for turn in (EARLY, LATE))


@value
class Claims(Study):
    """A cell is one method at one w in one world, one sampler, one sampling seed: n samples of the exact model, no network.

    world: its std, radius and draw are those of every world here; a and d have its number of classes in every dimension, the
    windows of b are tried in it as it is, b takes every dimension with every number of classes, c two classes at -m and m, whose
    distance grows with the dimension (growth = 1) and does not (growth = 0).
    sampler, steps: of all questions, a sampler that draws its steps; fewer: a's other numbers of steps; flow: c's other sampler.
    mean: a's two methods, the gradient at z and at the step's mean. windows: what b tries in windows of lambda, with strengths of
    their own. kinds: d's methods, the first of which the others are compared with.
    """

    report: ClassVar[str] = "claims"
    name: Name = "claims"
    world: WorldOf = MixtureWorld()
    dimensions: Dimensions = (1, 2, 8, 32, 128)
    class_counts: ClassCounts = (2, 8, 32)
    ws: Strengths = (0.0, 1.0, 4.0)
    sampler: SamplerOf = DDIM(eta=1.0)
    flow: SamplerOf = DDIM()
    steps: Annotated[int, Field(ge=2)] = 128
    fewer: tuple[Annotated[int, Field(ge=2)], ...] = (8, 32)
    density: DensityOf = CosineLogSNR(min=-14.0, max=14.0)
    mean: tuple[MethodOf, MethodOf] = (METHODS["classifier-mean"](), METHODS["classifier-at-mean"]())
    windows: Curves = (*in_windows(-0.5), *in_windows(1.0), *turning())
    kinds: Annotated[tuple[MethodOf, ...], Field(min_length=2)] = (
        METHODS["classifier-free"](),
        METHODS["classifier"](),
        METHODS["classifier-unconditional"](),
    )
    sample_seeds: Seeds = (0, 1, 2, 3, 4)
    n: Size = 1024

    @model_validator(mode="after")
    def fits_together(self) -> "Claims":
        """ValueError for another kind of world, ws without 0, a sampler that a method is not defined for, or too few samples."""
        if not isinstance(self.world, MixtureWorld):
            raise ValueError(f"world: {self.world.label} has no dimension that can grow: take `mixture`")
        round_classes_of(self.world)
        if 0 not in self.ws or len(self.ws) < 2:
            raise ValueError("ws: 0, which everything is compared with, and at least one other")
        if self.steps in self.fewer:
            raise ValueError(f"fewer: {self.steps} is steps already")
        if self.n < 4 * max(*self.class_counts, self.world.classes):
            raise ValueError(f"n: at least four samples of each of {max(*self.class_counts, self.world.classes)} classes")
        for method in (*self.mean, *self.kinds, *(curve.method for curve in self.windows)):
            if why := method.refuses(self.sampler):
                raise ValueError(f"sampler: {why}")
        if any(curve.ws is None for curve in self.windows):
            raise ValueError('windows: give each strengths of its own, as in {"is": "limited-interval", "ws": [-0.5]}')
        return self

    @property
    def worlds(self) -> dict[str, list[MixtureWorld]]:
        """The worlds of every question."""
        grown = [replace(self.world, dimension=d) for d in self.dimensions]
        return {
            "a": grown,
            "b": [replace(world, classes=k) for world in grown for k in self.class_counts],
            "window": [self.world],
            "c": [replace(world, classes=2, growth=growth) for growth in (1.0, 0.0) for world in grown],
            "d": grown,
        }

    def cells(self) -> Iterator[Placed]:
        """Of every question, each place once."""
        seen = set()
        for cell in self._cells():
            if (key := (cell.table, tuple(cell.place.items()), cell.task.address)) not in seen:
                seen.add(key)
                yield cell

    def results(self, store: Store, device: str = "cpu") -> Any:
        import pandas as pd

        from analysis.results import Results
        from experiments.studies.facts import facts_of

        cells = list(self.cells())
        tables, asked = tables_of(cells, store), self.worlds
        tables["worlds"] = pd.DataFrame(
            {
                "question": question,
                "world": world.label,
                **{key: getattr(world, key) for key in ("dimension", "classes", "growth")},
            }
            for question, worlds in asked.items()
            for world in worlds
        )
        compared = {"a": self.mean, "window": [curve.method for curve in self.windows], "d": self.kinds}
        tables["compared"] = pd.DataFrame(
            {"question": question, "method": name}
            for question, methods in compared.items()
            for name in dict.fromkeys(label(method, "w") for method in methods)
        )
        every = {world.label: world for worlds in asked.values() for world in worlds}
        return Results(
            name=self.name,
            title="Claims about guidance, where everything is exact",
            worlds={name: facts_of(world) for name, world in every.items()},
            table=tables.pop(TABLE, pd.DataFrame()),
            cells=samples_of(cells, store),
            sampler=label(self.sampler),
            steps=self.steps,
            n=dict.fromkeys(every, self.n),
            tables=tables,
            values=encode(self, expand=True),
            provenance=provenance_of(cells, store),
            failed=failures_of(cells, store),
            device=device,
        )

    def describe(self) -> str:
        cells = list(self.cells())
        worlds = {place["world"] for _, place, _ in cells}
        return f"study {self.name}: {sum(c.table == TABLE for c in cells)} cells of {self.n:,} samples in {len(worlds)} worlds"

    def _cells(self) -> Iterator[Placed]:
        asked, free = self.worlds, METHODS["classifier-free"]()
        for seed in self.sample_seeds:
            for world in asked["a"]:
                for steps in (*self.fewer, self.steps):
                    for method in self.mean:
                        yield from self._swept(world, method, seed, steps=steps)
            for world in asked["b"]:
                yield from self._swept(world, free, seed)
            for world in asked["window"]:
                yield from self._swept(world, free, seed)
                for curve in self.windows:
                    yield from self._swept(world, curve.method, seed, ws=curve.ws)
            for world in asked["c"]:
                for sampler in dict.fromkeys((self.sampler, self.flow)):
                    yield from self._swept(world, free, seed, sampler=sampler)
            for world in asked["d"]:
                for method in self.kinds:
                    yield from self._swept(world, method, seed)
                    yield from self._moved(world, method, seed)
        for world in asked["c"]:
            yield Placed("field", {"world": world.label}, GuidanceField(world=world))

    def _samples(self, world: MixtureWorld, method: Any, seed: int, sampler: Any = None, steps: int | None = None) -> Sample:
        return shared(
            Sample(
                world=world,
                model=Exact(world=world),
                method=method,
                sampler=sampler or self.sampler,
                steps=steps or self.steps,
                density=self.density,
                seed=seed,
                n=self.n,
                clip=None,
                batch=self.n,
            )
        )

    def _swept(
        self, world: MixtureWorld, method: Any, seed: int, ws: tuple[float, ...] | None = None, **how: Any
    ) -> Iterator[Placed]:
        """A method at its strengths; at w = 0 all are classifier-free guidance, under whose name that stands once."""
        for w in self.ws if ws is None else ws:
            samples = self._samples(world, replace(method, w=w), seed, **how)
            name = label(samples.method, "w")
            place = {"world": world.label, "train_seed": NO_TRAINING, "method": name, "w": w}
            place |= {"sampler": label(samples.sampler), "steps": samples.steps, "seed": seed}
            yield Placed(TABLE, place, MeasureRoundClasses(samples=samples))

    def _moved(self, world: MixtureWorld, method: Any, seed: int) -> Iterator[Placed]:
        """Where the samples of one of d's methods lie, from those without guidance, and from those of the first method."""
        for w in (w for w in self.ws if w):
            samples = self._samples(world, replace(method, w=w), seed)
            others = {"unguided": replace(method, w=0.0)}
            if method != self.kinds[0]:
                others[label(self.kinds[0], "w")] = replace(self.kinds[0], w=w)
            place = {"world": world.label, "method": label(method, "w"), "w": w, "seed": seed}
            for of, other in others.items():
                yield Placed("moved", {**place, "of": of}, Moved(samples=samples, others=self._samples(world, other, seed)))


QUICK = Claims()
FULL = replace(QUICK, sample_seeds=tuple(range(10)), n=4096)
STUDIES = {"quick": QUICK, "full": FULL}
