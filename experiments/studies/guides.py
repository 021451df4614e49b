"""Classifiers: trained, assessed at every lambda, used as guides, and their samples evaluated by others, in one world."""

from collections.abc import Iterator
from dataclasses import field, replace
from functools import partial
from itertools import product
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Count, DensityOf, Name, Positive, SamplerOf, Seeds, TrainingSeeds, WorldOf
from experiments.graph.store import Store
from experiments.graph.value import encode, label, value
from experiments.studies.beside import NO_TRAINING, REAL
from experiments.studies.check_guides import check_guides
from experiments.studies.guided import Guided
from experiments.studies.study import TABLE, Placed, Study, failures_of, provenance_of, samples_of, shared, tables_of
from experiments.tasks.assess import ASSESS_LOGSNRS, Assess
from experiments.tasks.baselines import TestSet
from experiments.tasks.jacobians import Jacobians
from experiments.tasks.joint_samples import JointSamples
from experiments.tasks.judge import Judge
from experiments.tasks.measure import Measure, MeasureExact
from experiments.tasks.sample import Sample
from experiments.tasks.sources import MIN_LOGSNR_IMPLICIT, Exact
from experiments.tasks.train import Train
from experiments.tasks.transfer import TransferAccuracy
from guidance.schedules import CosineLogSNR

EXACT = "exact"  # the oracle's name among the evaluators


@value
class Guides(Study):
    """One world: the denoiser, noise-aware guides and clean evaluators by name, and what is sampled.

    guides: noise-aware classifiers; the first is the one whose Jacobian is measured. clean: the classifier of clean images that
    guides by x-hat. evaluators: classifiers of clean images that never guide, of other architectures, each of which measures; the
    first is the evaluator, the others are judges. In a world with an exact oracle, it is used instead of denoiser and evaluators
    in what is sampled.
    joint: a joint energy model, if there is to be one. n_levels, n_implicit: images that are classified by lambda, by
    implicit classifiers too; levels_implicit, noises: of these. probes: of the Jacobians.
    Seeds of every network but the evaluators are those of train_seeds.
    """

    report: ClassVar[str] = "guides"
    name: Name
    world: WorldOf
    density: DensityOf = CosineLogSNR()
    model: Train
    guides: Annotated[dict[str, Train], Field(min_length=1)]
    clean: Train
    evaluators: dict[str, Train] = field(default_factory=dict)
    joint: Train | None = None
    guided: Annotated[dict[str, Guided], Field(min_length=1)]
    sampler: SamplerOf
    steps: Annotated[int, Field(ge=2)]
    train_seeds: TrainingSeeds = (0,)
    sample_seeds: Seeds = (0,)
    n: Count = 300
    n_levels: Count = 500
    n_implicit: Count = 100
    levels_implicit: Count = 8
    noises: Count = 1
    probes: Count = 4
    clip: Positive | None = 1.0
    batch: Count = 500
    rows: Count | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "Guides":
        check_guides(self)
        return self

    def trainings(self, seed: int) -> dict[str, Train]:
        """Every network of a training seed by name, in the order of the table."""
        networks = {"denoiser": self._seeded(self.model, seed)}
        for name, guide in sorted(self.guides.items(), key=lambda item: -item[1].objective.attack_radius):
            networks[name] = self._seeded(guide, seed)
        if self.joint is not None:
            networks["joint energy"] = replace(self.joint, seed=seed)
        return networks | {"clean": replace(self.clean, seed=self.clean.seed + seed)}

    def cells(self) -> Iterator[Placed]:
        for seed, sampling in product(self.train_seeds, self.sample_seeds):
            for name, entry in self.guided.items():
                for w in entry.ws:
                    yield from self._cell(seed, sampling, name, entry, w)
        yield from self._baselines()
        for seed in self.train_seeds:
            yield from self._diagnostics(seed)
        for seed in self.train_seeds:
            for name, entry in self.trainings(seed).items():
                yield Placed("networks", {"world": self.world.label, "train_seed": seed, "network": name}, entry)
        for name, entry in self.evaluators.items():
            yield Placed("networks", {"world": self.world.label, "train_seed": NO_TRAINING, "network": name}, entry)

    def results(self, store: Store, device: str = "cpu") -> Any:
        import pandas as pd

        from analysis.results import Results
        from experiments.studies.facts import facts_of

        cells, name = list(self.cells()), self.world.label
        tables = tables_of(cells, store)
        guides = {
            key: guided.classifier or ("clean" if "clean" in guided.method.roles else None) for key, guided in self.guided.items()
        }
        more = {"guides": guides, "evaluators": list(self.evaluators) or [EXACT], "classifiers": [*self.guides, "clean"]}
        others = {
            (name, place["method"]): task.samples
            for _, place, task in cells
            if isinstance(getattr(task, "samples", None), JointSamples) and place["train_seed"] == self.train_seeds[0]
        }
        return Results(
            name=self.name,
            title="Classifiers that guide",
            worlds={name: facts_of(self.world, **more, n_levels=self.n_levels, n_implicit=self.n_implicit)},
            table=tables.pop(TABLE, pd.DataFrame()),
            cells=samples_of(cells, store),
            sampler=label(self.sampler),
            steps=self.steps,
            n={name: self.n},
            tables=tables,
            values=encode(self, expand=True),
            provenance=provenance_of(cells, store),
            failed=failures_of(cells, store),
            others={key: partial(samples.images, store) for key, samples in others.items() if store.path(samples).is_dir()},
            device=device,
        )

    def describe(self) -> str:
        trainings = len(self.train_seeds) * len(self.trainings(0)) + len(self.evaluators)
        cells = sum(len(guided.ws) for guided in self.guided.values()) * len(self.train_seeds) * len(self.sample_seeds)
        return (
            f"study {self.name} of {self.world.label}: {trainings} trainings, {cells} cells of {self.n} samples, "
            f"{len(self.guides) + 2} classifiers by lambda"
        )

    def _seeded(self, training: Train, seed: int) -> Train:
        return replace(training, seed=seed, objective=replace(training.objective, density=self.density))

    def _cell(self, seed: int, sampling: int, name: str, guided: Guided, w: float) -> Iterator[Placed]:
        trained = self.trainings(seed)
        guides = {key: trained[key] for key in self.guides}
        source = guided.source(guides, self.world, self.density)
        others = {"classifier": source, "clean": trained["clean"] if "clean" in guided.method.roles else None}
        samples = Sample(
            world=self.world,
            model=Exact(world=self.world) if self.world.exact else trained["denoiser"],
            others={role: source_of_role for role, source_of_role in others.items() if source_of_role is not None},
            method=replace(guided.method, w=w),
            sampler=self.sampler,
            steps=self.steps,
            density=self.density,
            seed=sampling,
            n=self.n,
            clip=self.clip,
            batch=self.batch,
            rows=self.rows,
        )
        samples = shared(samples)
        key = {"train_seed": seed, "method": name, "w": w, "seed": sampling}
        place = {"world": self.world.label, **key, "sampler": label(self.sampler), "steps": self.steps}
        if seed == self.train_seeds[0] or owes_to_training(samples):
            yield from self._measured(samples, place, w)
        classifiers = {**guides, "clean": trained["clean"]}
        classifiers |= {EXACT: Exact(world=self.world)} if self.world.exact else self.evaluators
        yield Placed(TABLE, place, TransferAccuracy(samples=samples, classifiers=classifiers))

    def _measured(self, samples: Any, place: dict[str, Any], w: float | None = None) -> Iterator[Placed]:
        """By the oracle of an exact world; else on the features of every evaluator, so that no ranking rests on one network."""
        if self.world.exact:
            yield Placed(TABLE, place, MeasureExact(samples=samples, world=self.world, w=w))
            return
        (_, first), *others = self.evaluators.items()
        yield Placed(TABLE, place, Measure(samples=samples, evaluator=first, sizes=(self.n,)))
        for name, evaluator in others:
            yield Placed(TABLE, place, Judge(called=name, classifier=evaluator).measure(samples, (self.n,)))

    def _baselines(self) -> Iterator[Placed]:
        """Baselines without a guide: real images, and samples of the joint energy model."""
        if self.world.exact:
            return
        real = {"world": self.world.label, **REAL}
        yield from self._measured(TestSet(world=self.world), real)
        for seed in self.train_seeds if self.joint is not None else ():
            for name, labelled in (("joint energy", False), ("joint energy, of a class", True)):
                samples = JointSamples(model=self.trainings(seed)["joint energy"], labelled=labelled, n=self.n)
                yield from self._measured(samples, {**real, "train_seed": seed, "method": name})

    def _diagnostics(self, seed: int) -> Iterator[Placed]:
        """Every assessment by lambda, and the Jacobians, for one training seed."""
        trained, density = self.trainings(seed), self.density
        levels = tuple(level for level in ASSESS_LOGSNRS if density.min <= level <= density.max)
        options = {"world": self.world, "low": max(density.min, MIN_LOGSNR_IMPLICIT), "clip": self.clip, "levels": levels}
        implicit = {"what": "implicit", "n": self.n_implicit, "levels_implicit": self.levels_implicit, "noises": self.noises}

        def assessed(name: str, **changes: Any) -> Placed:
            place = {"world": self.world.label, "train_seed": seed, "classifier": name}
            return Placed("by_level", place, Assess(**{**options, "n": self.n_levels, **changes}))

        def fields(name: str, **changes: Any) -> Placed:
            place = {"world": self.world.label, "train_seed": seed, "of": name}
            return Placed("jacobian", place, Jacobians(probes=self.probes, **changes))

        yield assessed("implicit", denoiser=trained["denoiser"], **implicit)
        for name in self.guides:
            yield assessed(name, what="noise-aware", classifier=trained[name])
        yield assessed("clean, of x", what="estimate", classifier=trained["clean"], denoiser=trained["denoiser"])
        yield fields("networks", model=trained["denoiser"], classifier=trained[next(iter(self.guides))])
        if self.world.exact and seed == self.train_seeds[0]:
            yield assessed("exact", what="exact")
            yield assessed("implicit, exact denoiser", **implicit)
            yield fields("exact", model=Exact(world=self.world))


def owes_to_training(samples: Sample) -> bool:
    """Whether samples owe anything to a training: what does not is measured once, or it would count as that of every training."""
    guided = samples.method.w not in (0, samples.method.null_w)
    return not isinstance(samples.model, Exact) or (guided and bool(samples.others))
