"""Claims of papers about guidance, tested where score, classifier and density are exact: `guidance-bench study claims`.

a. Does Algorithm 1's gradient at z instead of at the step's mean matter? (Dhariwal & Nichol, arXiv 2105.05233; its author calls
   it "a slight bug" in thread 51 of guided-diffusion.)
b. Does the distortion of guidance grow with the number of classes against the dimension, and does a window of negative w undo the
   shrinking of the variance? (arXiv 2602.00716)
c. Does classifier-free guidance become exact as the dimension grows? (arXiv 2502.07849)
d. Do classifier and classifier-free guidance push away from decision boundaries alike? (arXiv 2503.10638)

Dimensions 1 to 128 by factors of 2 to 4. b has 2, 8 and 32 classes in each, and 2^d in d = 2 to 8, as many as the claim needs.
c has two classes, between which guidance sees one direction alone, so that the largest dimensions are a problem of one. Quick:
five sampling seeds of one draw of the means; full: ten, and four times as many samples.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Count, DensityOf, GridOf, MethodOf, Name, SamplerOf, Seeds, Size, Strengths, WorldOf
from experiments.graph.store import Store
from experiments.graph.value import encode, label, value
from experiments.studies.beside import NO_TRAINING
from experiments.studies.claim_worlds import ClaimWorld, worlds_of_claims
from experiments.studies.study import TABLE, Placed, Study, failures_of, provenance_of, samples_of, shared, tables_of
from experiments.studies.sweep import Curves
from experiments.studies.turning import in_windows, turning
from experiments.tasks.round_classes import GuidanceField, MeasureRoundClasses, Moved, round_classes_of
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.worlds.mixture import MixtureWorld
from guidance.grids import EvenInLogSNR, EvenInU
from guidance.methods import METHODS
from guidance.samplers.ddim import DDIM
from guidance.samplers.dpm_solver import DPMSolver, DPMSolverSDE
from guidance.schedules import CosineLogSNR

Dimensions = Annotated[tuple[Count, ...], Field(min_length=1)]
ClassCounts = Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)]


@value
class Claims(Study):
    """A cell is one method at one w in one world, one sampler, one sampling seed: n samples of the exact model, no network.

    world: its std, radius and draw are those of every world here; a and d have its number of classes in every dimension, and d
    two classes on a line; the windows of b are tried in it as it is, b takes every dimension with every number of classes, and
    2^d classes in d = `exponential`; c two classes at -m and m, whose distance grows with the dimension (growth = 1), on a line
    for the dimensions `beyond`, and does not (growth = 0, the smallest and the largest dimension).
    sampler, grid, steps: of b, c and d, a sampler that draws its steps; flow: another of b's exponential classes and of c.
    ancestral, fewer: a's sampler, whose steps have a mean, on even u; its other numbers of steps.
    mean: a's two methods, the gradient at z and at the step's mean. windows: what b tries in windows of lambda, with strengths of
    their own. kinds: d's methods, the first of which the others are compared with.
    """

    report: ClassVar[str] = "claims"
    name: Name = "claims"
    world: WorldOf = MixtureWorld()
    dimensions: Dimensions = (1, 2, 8, 32, 128)
    beyond: tuple[Count, ...] = (512, 2048)
    class_counts: ClassCounts = (2, 8, 32)
    exponential: tuple[Annotated[int, Field(ge=1, le=10)], ...] = (2, 4, 6, 8)
    ws: Strengths = (0.0, 1.0, 4.0)
    sampler: SamplerOf = DPMSolverSDE()
    flow: SamplerOf = DPMSolver()
    ancestral: SamplerOf = DDIM(eta=1.0)
    grid: GridOf = EvenInLogSNR()
    steps: Annotated[int, Field(ge=2)] = 128
    fewer: tuple[Annotated[int, Field(ge=2)], ...] = (8, 32)
    density: DensityOf = CosineLogSNR(min=-20.0, max=14.0)
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
        if self.n < 4 * (most := max(*self.class_counts, *(2**d for d in self.exponential), self.world.classes)):
            raise ValueError(f"n: at least four samples of each of {most} classes")
        own = (*self.kinds, *(curve.method for curve in self.windows))
        for name, methods in {"ancestral": self.mean, "sampler": own}.items():
            for method in methods:
                if why := method.refuses(getattr(self, name)):
                    raise ValueError(f"{name}: {why}")
        if any(curve.ws is None for curve in self.windows):
            raise ValueError('windows: give each strengths of its own, as in {"is": "limited-interval", "ws": [-0.5]}')
        return self

    @property
    def worlds(self) -> dict[str, list[ClaimWorld]]:
        """The worlds of every question; `exponential` is of b."""
        return worlds_of_claims(self.world, self.dimensions, self.class_counts, self.exponential, self.beyond)

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
        tables, questions = tables_of(cells, store), self.worlds
        tables["worlds"] = pd.DataFrame(
            {"question": question, "world": world.label, "dimension": dimension, "classes": world.classes, "growth": world.growth}
            for question, worlds in questions.items()
            for world, dimension in worlds
        )
        tables["compared"] = pd.DataFrame(self._compared())
        every = {world.label: world for worlds in questions.values() for world, _ in worlds}
        return Results(
            name=self.name,
            title="Claims about guidance, where everything is exact",
            worlds={name: facts_of(world) for name, world in every.items()},
            table=tables.pop(TABLE, pd.DataFrame()),
            cells=samples_of(cells, store),
            sampler=self._named(),
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

    def _compared(self) -> Iterator[dict[str, Any]]:
        """Of every question its methods, each with its samplers; of guidance that turns where, and to which share of w."""
        free, windows = (METHODS["classifier-free"](),), tuple(curve.method for curve in self.windows)
        one, both = [self._named()], [*dict.fromkeys((self._named(), self._named(sampler=self.flow)))]
        methods_of = {"a": (self.mean, [self._named(**self._drawn)]), "b": (free, one), "exponential": (free, both)}
        methods_of |= {"window": (windows, one), "c": (free, both), "d": (self.kinds, one)}
        for question, (methods, samplers) in methods_of.items():
            for name, method in {label(method, "w"): method for method in methods}.items():
                turns = {key: getattr(method, key, None) for key in ("turn", "negative")}
                yield from ({"question": question, "method": name, "sampler": sampler, **turns} for sampler in samplers)

    @property
    def _drawn(self) -> dict[str, Any]:
        """How a's samples are drawn."""
        return {"sampler": self.ancestral, "grid": EvenInU()}

    def _cells(self) -> Iterator[Placed]:
        worlds, free = self.worlds, METHODS["classifier-free"]()
        for seed in self.sample_seeds:
            for world, _ in worlds["a"]:
                for steps in (*self.fewer, self.steps):
                    for method in self.mean:
                        yield from self._swept(world, method, seed, **self._drawn, steps=steps)
            for world, _ in worlds["b"]:
                yield from self._swept(world, free, seed)
            for world, _ in worlds["window"]:
                yield from self._swept(world, free, seed)
                for curve in self.windows:
                    yield from self._swept(world, curve.method, seed, ws=curve.ws)
            for world, _ in (*worlds["exponential"], *worlds["c"]):
                for sampler in dict.fromkeys((self.sampler, self.flow)):
                    yield from self._swept(world, free, seed, sampler=sampler)
            for world, _ in worlds["d"]:
                for method in self.kinds:
                    yield from self._swept(world, method, seed)
                    yield from self._moved(world, method, seed)
        for world, _ in worlds["c"]:
            yield Placed("field", {"world": world.label}, GuidanceField(world=world))

    def _named(self, **how: Any) -> str:
        """A sampler as a table has it: with its grid, as far as that is not the usual one."""
        return self._samples(self.world, METHODS["classifier-free"](w=0.0), 0, **how).sampler_label

    def _samples(
        self,
        world: MixtureWorld,
        method: Any,
        seed: int,
        sampler: Any = None,
        grid: Any = None,
        steps: int | None = None,
    ) -> Sample:
        return shared(
            Sample(
                world=world,
                model=Exact(world=world),
                method=method,
                sampler=sampler or self.sampler,
                steps=steps or self.steps,
                grid=grid or self.grid,
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
            place |= {"sampler": samples.sampler_label, "steps": samples.steps, "seed": seed}
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
