"""A study: trainings, cells, measures, one tidy table, figures and a report, each done once and found the next time."""

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
from experiments.data import WORLDS
from experiments.measure import HELD_OUT, MeasureConfig, measure
from experiments.networks import ClassifierConfig, DenoiserConfig, EvaluatorConfig
from experiments.pool import run
from experiments.problems import Problem
from experiments.report import write_report
from experiments.runs import Store, check, read_json
from experiments.sample import MethodConfig, SampleConfig, SamplerConfig, sample, title
from experiments.train import train_classifier, train_denoiser, train_evaluator
from guidance import METHODS, NFE


class Sweep(Config):
    """One sampler over a grid of w."""

    sampler: SamplerConfig
    ws: Annotated[tuple[float, ...], Field(min_length=1)]


class StudyConfig(Config):
    """All of a study. train_seeds seed denoiser and classifier; the evaluator is one, so that all cells compare.

    n: samples to a cell; part: the size of the held-out set, at which cells are measured a second time.
    """

    world: str
    denoiser: DenoiserConfig = DenoiserConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    evaluator: EvaluatorConfig = EvaluatorConfig()
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(METHODS)
    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1)]
    train_seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    sample_seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    n: int = 1000
    part: int = 500
    clip: bool = True

    @field_validator("world")
    @classmethod
    def known_world(cls, name: str) -> str:
        return _known("world", name, WORLDS)

    @field_validator("methods")
    @classmethod
    def known_methods(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_known("method", name, METHODS) for name in names)

    @model_validator(mode="after")
    def one_world(self) -> Self:
        if {self.denoiser.world, self.classifier.world, self.evaluator.world} != {self.world}:
            raise ValueError(f"denoiser, classifier and evaluator must be of the study's world, {self.world}")
        if not self.part <= self.n:
            raise ValueError(f"part ({self.part}) cannot exceed n ({self.n})")
        return self


def _known(what: str, name: str, table: dict) -> str:
    if name not in table:
        raise ValueError(f"there is no {what} of that name; known: {', '.join(table)}")
    return name


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


def study(store: Store, config: StudyConfig, device: str, workers: int) -> Path:
    """The run of a study: table.csv, summary.csv, figures/ and report.html. What is done already is not done again."""
    done = store.path(config.world, config)
    if done.exists():
        check(done)
        for name in read_json(done / "provenance.json")["parents"]:
            check(store.root / name)
        return done
    rehearse(config)
    evaluator, trained = train_all(store, config, device, workers)
    cells = sweep(store, config, evaluator, trained, device, workers)
    real = measure(store, _measures(config, evaluator, trained[0], HELD_OUT, (config.part,)), device)
    table = pd.DataFrame([*rows(config, real), *(row for cell in cells for row in rows(config, cell.measures, cell))])
    runs = [evaluator, *(run for t in trained for run in t[1:]), real, *(run for cell in cells for run in cell[2:])]
    return store.make(config.world, config, partial(write_report, config, table, evaluator, trained, cells), runs)


def rehearse(config: StudyConfig) -> None:
    """Builds every network and shows it two images, so that a bad configuration stops before any work is done."""
    world = WORLDS[config.world]()
    if config.part < 2 * world.classes:
        raise Problem(f"part must be at least {2 * world.classes} (two images of each class), not {config.part}")
    x, logsnr, label = world.train.x[:2], torch.zeros(2), torch.tensor([0, world.classes])
    for role, inputs in {"denoiser": (x, logsnr, label), "classifier": (x, logsnr), "evaluator": (x,)}.items():
        try:
            getattr(config, role).build(world).eval()(*inputs)
        except (ValueError, RuntimeError, AssertionError) as error:
            raise Problem(f"{role}: {str(error).splitlines()[0]}") from error


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
        (t, _samples(config, t, sampler, method, w, seed))
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


def _samples(config: StudyConfig, t: Trained, sampler: SamplerConfig, method: str, w: float, seed: int) -> SampleConfig:
    return SampleConfig(
        world=config.world,
        denoiser=t.denoiser.name,
        classifier=t.classifier.name if "classifier" in METHODS[method].roles else None,
        method=MethodConfig(name=method, w=w),
        sampler=sampler,
        seed=seed,
        n=config.n,
        clip=config.clip,
    )


def _measures(config: StudyConfig, evaluator: Path, t: Trained, samples: str, sizes: tuple[int, ...]) -> MeasureConfig:
    return MeasureConfig(world=config.world, samples=samples, evaluator=evaluator.name, classifier=t.classifier.name, sizes=sizes)


def rows(config: StudyConfig, measures: Path, cell: Cell | None = None) -> Iterator[dict]:
    """The rows of the tidy table: those of one cell, or of the held-out real images."""
    key = {"world": config.world, "train_seed": -1, "method": "real", "w": None, "sampler": "", "steps": 0, "seed": -1}
    if cell is not None:
        own = cell.config
        key |= {"train_seed": cell.train_seed, "method": own.method.name, "w": own.method.w, "seed": own.seed}
        key |= {"sampler": own.sampler.name, "steps": own.sampler.steps}
        cost = read_json(cell.samples / "cost.json")
        prices = {"seconds_per_sample": cost["seconds"] / own.n, "peak_memory_mib": cost["peak_memory_mib"]}
        prices |= {f"nfe_{name}": cost[name] / own.n for name in vars(NFE())}
        yield from ({**key, "n": own.n, "metric": name, "value": value} for name, value in prices.items())
    for n, values in read_json(measures / "metrics.json").items():
        yield from ({**key, "n": int(n), "metric": name, "value": value} for name, value in values.items())
