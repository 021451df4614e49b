"""Methods over w on shared networks, or on the exact oracle instead, or both beside each other: the paper's trade-off."""

from collections.abc import Iterator
from dataclasses import field, replace
from itertools import product
from typing import Annotated, Any

from pydantic import Field, model_validator

from experiments.features.protocol import Protocol, ProtocolOf
from experiments.fields import (
    ComputeOf,
    Count,
    DensityOf,
    FeatureNetworks,
    Metrics,
    Name,
    Positive,
    Seeds,
    Size,
    TrainingSeeds,
    WorldOf,
)
from experiments.graph.store import Store
from experiments.graph.value import encode, value
from experiments.studies.beside import NO_TRAINING, ROLES, baselines, networks, own_networks
from experiments.studies.check import check_trade_off
from experiments.studies.computing import choices, of_compute
from experiments.studies.on_features import by_judges, described, on_features
from experiments.studies.study import TABLE, Placed, Study, failures_of, provenance_of, samples_of, shared, tables_of
from experiments.studies.sweep import Curve, Curves, Sweep
from experiments.studies.two_scales import scales_of
from experiments.tasks.guided_error import GuidedError
from experiments.tasks.judge import Judge
from experiments.tasks.measure import Measure, MeasureExact
from experiments.tasks.real_features import RealOf
from experiments.tasks.reference import ReferenceOf
from experiments.tasks.sample import Sample
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.sources import Checkpoint, Exact, Source
from experiments.tasks.train import Train
from guidance.compute import Compute
from guidance.schedules import CosineLogSNR


@value
class TradeOff(Study):
    """A cell is one method at one w, one sampler, one training seed and one sampling seed: n samples, which are measured
    together, and once more in parts of the size of the test set.

    model, classifier, clean, weak, unconditional: who plays these roles, a Train (of which every training seed has its own) or
    another source (of weak models see experiments.tasks.weaker); None where no method needs it. oracle: the exact model,
    studied with the model or, if that is None, alone; it evaluates then. evaluator: of any other world; one for all cells, so
    that they compare. real: its features of real images, if they are not to be worked out in every process, or the images are
    not at hand (experiments.tasks.real_features). density: of every network's training. metrics: of others, beside ours
    (experiments.metrics). clip, batch, rows and compute are those of Sample; beside a lossy compute the first method is sampled
    in float32 too.

    features: pretrained networks on whose features the samples are measured too. protocol: how samples are drawn and measured on
    those features, by name ("adm") or value. references: by a feature network's label, what to compare with instead of the
    features of all training images (experiments.tasks.reference). judges: further classifiers on whose features and labels the
    samples are measured too, so that nothing is ranked by one network alone (experiments.tasks.judge). guided_error: of so many
    trajectories of the main sweep, of methods that aim at the tilted score, the error against the exact guided field (of an exact
    world whose model is trained; experiments.tasks.guided_error). denoising_loss: of every trained model, on so many test images
    (experiments.tasks.denoising_loss).
    """

    name: Name
    world: WorldOf
    oracle: Exact | None = None
    model: Source | None = None
    classifier: Source | None = None
    evaluator: Train | Checkpoint | None = None
    real: RealOf | None = None
    clean: Source | None = None
    weak: Source | None = None
    unconditional: Source | None = None
    density: DensityOf = CosineLogSNR()
    methods: Curves
    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1)]
    train_seeds: TrainingSeeds = (0,)
    sample_seeds: Seeds = (0,)
    n: Size = 1000
    part: Count = 500
    clip: Positive | None = 1.0
    batch: Count = 500
    rows: Count | None = None
    compute: ComputeOf = Compute()
    metrics: Metrics = ()
    features: FeatureNetworks = ()
    protocol: ProtocolOf = Protocol()
    references: dict[str, ReferenceOf] = field(default_factory=dict)
    judges: tuple[Judge, ...] = ()
    guided_error: Count | None = None
    denoising_loss: Count | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "TradeOff":
        check_trade_off(self)
        return self

    @property
    def report(self) -> str:
        """Which report draws it."""
        return "exact" if self.world.exact else "trade-off"

    def network(self, role: str, seed: int, curve: Curve | None = None) -> Any:
        """Who plays a role with a training seed: a source that is no training is the same for all; None for a role of no
        method. curve: whose own networks come before the study's.
        """
        source = getattr(curve, role, None) or getattr(self, role)
        if source is None or (role not in ("model", "classifier") and role not in self.roles):
            return None
        if role != "model" and hasattr(source, "of_model"):
            source = source.of_model(self.model)
        return source.of_seed(seed, self.density) if hasattr(source, "of_seed") else source

    @property
    def models(self) -> list[tuple[int, bool]]:
        """(training seed, whether it is the oracle) of every model; what is no training of ours has no seed."""
        oracle = [(NO_TRAINING, True)] if self.oracle is not None else []
        sources = [*(self.network(role, 0) for role in ROLES), *(source for _, source in own_networks(self, 0))]
        trained = any(hasattr(source, "of_seed") for source in sources)
        seeds = self.train_seeds if trained else (NO_TRAINING,)
        return oracle + ([(seed, False) for seed in seeds] if self.model is not None else [])

    @property
    def roles(self) -> set[str]:
        """The roles that methods declare; the loss of an image is a clean classifier's."""
        roles = {role for curve in self.methods for role in curve.method.roles}
        return roles | ({"clean"} if "loss" in roles else set())

    def cells(self) -> Iterator[Placed]:
        yield from baselines(self)
        for (seed, exact), sampling, sweep in product(self.models, self.sample_seeds, self.sweeps):
            if exact and sweep.snapshot is not None:
                continue  # the oracle was never trained
            for w, curve in sweep.cells(self.methods):
                if exact and (curve.model or curve.weak) is not None:
                    continue  # nor stands it for a network of another kind
                samples = self._samples(seed, exact, sampling, sweep, curve, w)
                for compute in choices(self.compute, samples.method, exact, sweep == self.sweeps[0] and curve == self.methods[0]):
                    name = curve.label + (" (exact)" if exact and self.model is not None else "") + self._labels
                    key = {"train_seed": seed, "method": name + sweep.of_model + of_compute(compute), "w": w, "seed": sampling}
                    place = {"world": self.world.label, **key, "sampler": sweep.label, "steps": sweep.steps}
                    drawn = replace(samples, compute=compute)
                    yield Placed(TABLE, place, self.measured(drawn, (self.n, self.part), seed, w))
                    yield from on_features(self, drawn, (self.n, self.part), place)
                    yield from by_judges(self, drawn, (self.n, self.part), place)
                    if self.guided_error and not exact and sweep == self.sweeps[0] and curve.method.tilted and w:
                        beside = {"world": self.world.label, **key}
                        yield Placed("guided_error", beside, GuidedError(samples=drawn, n=min(self.guided_error, self.n)))
        yield from networks(self)

    def results(self, store: Store, device: str = "cpu") -> Any:
        import pandas as pd

        from analysis.results import Results
        from experiments.studies.facts import facts_of

        cells, main = list(self.cells()), self.sweeps[0]
        tables = tables_of(cells, store)
        return Results(
            name=self.name,
            title=f"Guidance on {self.world.label}",
            worlds={self.world.label: described(facts_of(self.world, self.real), self)},
            table=tables.pop(TABLE, pd.DataFrame()),
            cells=samples_of(cells, store),
            sampler=main.label,
            steps=main.steps,
            n={self.world.label: self.n},
            part={self.world.label: self.part},
            tables=tables | scales_of(self, self._labels),
            families={
                curve.label + self._labels + sweep.of_model + of_compute(compute): curve.method.family
                for sweep in self.sweeps
                for curve in self.methods
                for compute in (self.compute, Compute())
            },
            values=encode(self, expand=True),
            provenance=provenance_of(cells, store),
            failed=failures_of(cells, store),
            device=device,
        )

    def describe(self) -> str:
        """Trainings, cells, samples and evaluations, and the world."""
        cells = [(sweep, curve) for sweep in self.sweeps for _, curve in sweep.cells(self.methods)]
        times = len(self.sample_seeds) * len(self.models)
        calls = sum(sweep.sampler.calls(sweep.steps) * sum(vars(curve.method.nfe_per_call).values()) for sweep, curve in cells)
        trainings = [training for role in ROLES if isinstance(training := self.network(role, 0), Train)]
        trainings += [own for _, own in own_networks(self, 0) if isinstance(own, Train)]
        trainings = [training for training in trainings for _ in self.train_seeds]
        measuring = [self.evaluator, *(judge.classifier for judge in self.judges)]
        trainings += [source for source in measuring if isinstance(source, Train)]
        steps = sum(training.fit.steps for training in trainings)
        text = f"{len(trainings)} trainings of {steps:,} steps in all, " if trainings else ""
        return (
            f"study {self.name} of {self.world.label}: {text}{times * len(cells)} cells of {self.n:,} samples, about "
            f"{times * calls * self.n:,.0f} network evaluations"
        )

    def _samples(self, seed: int, exact: bool, sampling: int, sweep: Sweep, curve: Curve, w: float) -> Sample:
        roles = {"clean" if role == "loss" else role for role in curve.method.roles}
        if exact:
            model = replace(self.oracle, groups="groups" in curve.method.requires_model)
            others = {}
        else:
            model = self.network("model", seed, curve)
            model = model if sweep.snapshot is None else Snapshot(training=model, step=sweep.snapshot)
            others = {role: self.network(role, seed, curve) for role in ROLES[1:] if role in roles}
        samples = Sample(
            world=self.world,
            model=model,
            others={role: source for role, source in others.items() if source is not None},
            method=curve.at(w),
            sampler=sweep.sampler,
            steps=sweep.steps,
            grid=sweep.grid,
            density=self.density,
            seed=sampling,
            n=self.n,
            clip=self.clip,
            batch=self.batch,
            rows=self.rows,
            labels=self.protocol.labels,
            rounding=self.protocol.rounding,
        )
        return shared(samples)

    @property
    def _labels(self) -> str:
        """What the name of a cell says of its labels: nothing if they are balanced."""
        return "" if self.protocol.labels == "balanced" else f" ({self.protocol.labels} labels)"

    def measured(self, samples: Any, sizes: tuple[int, ...], seed: int, w: float | None = None) -> Measure | MeasureExact:
        """What samples are measured by, in parts of these sizes."""
        if self.evaluator is None:
            return MeasureExact(samples=samples, world=self.world, w=w, metrics=self.metrics)
        guide = self.network("classifier", seed) if isinstance(self.classifier, Train) else None
        return Measure(
            samples=samples,
            evaluator=self.evaluator,
            sizes=tuple(dict.fromkeys(sizes)),
            guide=guide,
            metrics=self.metrics,
            real=self.real,
        )
