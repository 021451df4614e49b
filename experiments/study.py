"""A study: trainings, cells, measures, one tidy table, figures and a report, each done once and found the next time."""

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import pandas as pd
import torch
from pydantic import Field, field_validator, model_validator
from tqdm import tqdm

from experiments.config import Config
from experiments.worlds import WORLDS
from experiments.fit import Seed
from experiments.measure import HELD_OUT, MeasureConfig, measure
from experiments.networks import ClassifierConfig, DenoiserConfig, EvaluatorConfig
from experiments.pool import run
from experiments.problems import Problem
from experiments.report import write_report
from experiments.runs import Store, check, read_json
from experiments.sample import MethodConfig, SampleConfig, SamplerConfig, sample, title
from experiments.train import train_classifier, train_denoiser, train_evaluator
from guidance import METHODS, NFE
from guidance.seeding import INDICES


class Sweep(Config):
    """One sampler over a grid of w."""

    sampler: SamplerConfig
    ws: Annotated[tuple[float, ...], Field(min_length=1)]

    @field_validator("ws")
    @classmethod
    def different(cls, ws: tuple[float, ...]) -> tuple[float, ...]:
        ws = tuple(w + 0.0 for w in ws)  # -0 is 0
        if len(set(ws)) < len(ws):
            raise ValueError("a w stands there twice")
        return ws


class Method(Config):
    """A method to study, and those of its options that are not to have their defaults."""

    name: str
    options: dict[str, float | bool | str] = {}

    @model_validator(mode="before")
    @classmethod
    def by_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def known(self) -> Self:
        self.at(0.0)
        return self

    def at(self, w: float) -> MethodConfig:
        """The method at strength w."""
        return MethodConfig(name=self.name, w=w, options=self.options)


class StudyConfig(Config):
    """All of a study. train_seeds seed denoiser and classifier; the evaluator is one, so that all cells compare.

    A cell is one method at one w, one sampler, one training seed and one sampling seed: n samples, which are measured
    together, and once more in parts of the size of the held-out set. clip, batch and rows are those of SampleConfig.
    """

    world: str
    denoiser: DenoiserConfig = DenoiserConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    evaluator: EvaluatorConfig = EvaluatorConfig()
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = tuple(Method(name=name) for name in METHODS)
    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1)]
    train_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    sample_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    n: Annotated[int, Field(ge=1, le=INDICES)] = 1000
    part: Annotated[int, Field(ge=1)] = 500
    clip: bool = True
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """What one field cannot see. ValueError that names the fields."""
        if self.world not in WORLDS:
            raise ValueError(f"world: there is none called {self.world!r}; known: {', '.join(WORLDS)}")
        if {self.denoiser.world, self.classifier.world, self.evaluator.world} != {self.world}:
            raise ValueError(f"denoiser, classifier and evaluator must be of the study's world, {self.world}")
        if self.denoiser.seed or self.classifier.seed:
            raise ValueError("denoiser.seed and classifier.seed are set by train_seeds: change those")
        if self.denoiser.logsnr != self.classifier.logsnr:
            raise ValueError("classifier.logsnr must be denoiser.logsnr: it guides at every lambda that is sampled")
        if self.evaluator.arch == self.classifier.arch or self.evaluator.seed in self.train_seeds:
            raise ValueError("evaluator: it must be independent of the guide, of another arch and with a seed of its own")
        if self.part > self.n:
            raise ValueError(f"part ({self.part}) cannot exceed n ({self.n})")
        at = [method.at(0.0).label for method in self.methods]
        samplers = [(sweep.sampler.name, sweep.sampler.steps) for sweep in self.sweeps]
        lists = {"methods": at, "train_seeds": self.train_seeds, "sample_seeds": self.sample_seeds, "sweeps": samplers}
        for name, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: an entry stands there twice (sweeps differ by sampler and steps)")
        return self


class Trained(NamedTuple):
    """The runs of one training seed."""

    seed: int
    denoiser: Path
    classifier: Path


class Cell(NamedTuple):
    """One cell that has been sampled and measured."""

    train_seed: int
    config: SampleConfig
    samples: Path
    measures: Path


def study(store: Store, config: StudyConfig, workers: int, redraw: bool = False) -> Path:
    """The run of a study: table.csv, summary.csv, figures/ and report.html. What is done already is not done again.

    redraw: make the study's own files anew from the runs that are there.
    """
    torch.set_num_threads(1)
    done, device = store.path(config.world, config), store.device
    if old := done.exists():
        check(done)
        runs = [store.root / name for name in read_json(done / "provenance.json")["parents"]]
        if all(run.exists() for run in runs) and not redraw:
            for run in runs:
                check(run)
            return done
    rehearse(config)
    evaluator, trained = train_all(store, config, device, workers)
    cells = sweep(store, config, evaluator, trained, device, workers)
    real = measure(store, _measures(config, evaluator, trained[0], HELD_OUT, (config.part,)), device)
    table = pd.DataFrame([*rows(config, real), *(row for cell in cells for row in rows(config, cell.measures, cell))])
    runs = [evaluator, *(run for t in trained for run in t[1:]), real, *(run for cell in cells for run in cell[2:])]
    if old:
        shutil.rmtree(done, ignore_errors=True)
    return store.make(config.world, config, partial(write_report, config, device, table, evaluator, trained, cells), runs)


def rehearse(config: StudyConfig) -> None:
    """Builds every network and trains it on two images, so that a bad configuration stops before any work is done."""
    world = WORLDS[config.world]()
    least, most = 2 * world.classes, len(world.held_out.x)
    if not least <= config.part <= most:
        raise Problem(f"part must lie between {least} (two images of each class) and {most} (all that are held out)")
    x, logsnr, label = world.train.x[:2], torch.zeros(2), torch.tensor([0, world.classes])
    for role, inputs in {"denoiser": (x, logsnr, label), "classifier": (x, logsnr), "evaluator": (x,)}.items():
        try:
            network = getattr(config, role).build(world)
            network(*inputs).sum().backward()
            if role == "evaluator":
                network.features(x)
        except Exception as error:  # timm's models fail in as many ways as there are authors
            raise Problem(f"{role}: {str(error).strip().splitlines()[0]}") from error


def train_all(store: Store, config: StudyConfig, device: str, workers: int) -> tuple[Path, list[Trained]]:
    """The evaluator, and a denoiser and a classifier for every training seed. The longest trainings start first."""
    seeds = config.train_seeds
    denoisers = [config.denoiser.model_copy(update={"seed": seed}) for seed in seeds]
    classifiers = [config.classifier.model_copy(update={"seed": seed}) for seed in seeds]
    tasks = [
        *(partial(train_denoiser, store, one, device) for one in denoisers),
        *(partial(train_classifier, store, one, device) for one in classifiers),
        partial(train_evaluator, store, config.evaluator, device),
    ]
    made = [path for _, path in sorted(run(tasks, workers))]
    return made[-1], [Trained(*each) for each in zip(seeds, made, made[len(seeds) :], strict=False)]


def sweep(store: Store, config: StudyConfig, evaluator: Path, trained: list[Trained], device: str, workers: int) -> list[Cell]:
    """Every cell, sampled and measured. A cell that another command is making is left to it, and waited for last."""
    wanted = [
        (t, _samples(config, t, sampler, method.at(w), seed))
        for t, seed, one in product(trained, config.sample_seeds, config.sweeps)
        for sampler, w, method in product([one.sampler], one.ws, config.methods)
    ]
    cells: dict[int, Cell] = {}
    with tqdm(total=len(wanted), desc="cells", unit="cell") as bar:
        for wait in (False, True):
            left = [index for index in range(len(wanted)) if index not in cells]
            tasks = [partial(_cell, store, config, evaluator, *wanted[index], device, wait) for index in left]
            for place, cell in run(tasks, workers):
                if cell is not None:
                    cells[left[place]] = cell
                    bar.set_postfix_str(title(cell.config))
                    bar.update()
    return [cells[index] for index in sorted(cells)]


def _cell(
    store: Store, config: StudyConfig, evaluator: Path, t: Trained, sampling: SampleConfig, device: str, wait: bool
) -> Cell | None:
    samples = sample(store, sampling, device, wait)
    if samples is None:
        return None
    measuring = _measures(config, evaluator, t, samples.name, (config.n, config.part))
    return Cell(t.seed, sampling, samples, measure(store, measuring, device))


def _samples(config: StudyConfig, t: Trained, sampler: SamplerConfig, method: MethodConfig, seed: int) -> SampleConfig:
    return SampleConfig(
        world=config.world,
        denoiser=t.denoiser.name,
        classifier=t.classifier.name if "classifier" in METHODS[method.name].roles else None,
        method=method,
        sampler=sampler,
        seed=seed,
        n=config.n,
        clip=config.clip,
        batch=config.batch,
        rows=config.rows,
    )


def _measures(config: StudyConfig, evaluator: Path, t: Trained, samples: str, sizes: tuple[int, ...]) -> MeasureConfig:
    return MeasureConfig(world=config.world, samples=samples, evaluator=evaluator.name, classifier=t.classifier.name, sizes=sizes)


def rows(config: StudyConfig, measures: Path, cell: Cell | None = None) -> Iterator[dict]:
    """The rows of the tidy table: those of one cell, or of the held-out real images."""
    key = {"world": config.world, "train_seed": -1, "method": "real", "w": None, "sampler": "", "steps": 0, "seed": -1}
    if cell is not None:
        own = cell.config
        key |= {"train_seed": cell.train_seed, "method": own.method.label, "w": own.method.w, "seed": own.seed}
        key |= {"sampler": own.sampler.name, "steps": own.sampler.steps}
        cost = read_json(cell.samples / "cost.json")
        prices = {"seconds_per_sample": cost["seconds"] / own.n, "peak_memory_mib": cost["peak_memory_mib"]}
        prices |= {f"nfe_{name}": cost[name] / own.n for name in vars(NFE())}
        yield from ({**key, "n": own.n, "metric": name, "value": value} for name, value in prices.items())
    for n, values in read_json(measures / "metrics.json").items():
        yield from ({**key, "n": int(n), "metric": name, "value": value} for name, value in values.items())
