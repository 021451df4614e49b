"""The study of classifiers: trained, assessed at every lambda, used as guides, judged by others; each run once."""

import shutil
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from classifiers.guide import softened
from experiments.assess import AssessConfig, assess_by_level
from experiments.cells import Cell
from experiments.classifiers_config import ClassifiersConfig, GuidesConfig
from experiments.classifiers_report import write_classifiers_report
from experiments.jacobians import JacobianConfig, jacobians
from experiments.joint_samples import JointSampleConfig, joint_samples
from experiments.judged import EXACT, JudgedConfig, judged
from experiments.measure import HELD_OUT, MeasureConfig, measure
from experiments.pool import run
from experiments.problems import Problem
from experiments.runs import Store, read_json
from experiments.sample import SampleConfig, sample
from experiments.study import finished, key_of, prices, rows
from experiments.train import train_denoiser
from experiments.train_classifiers import rehearse as rehearse_one
from experiments.train_classifiers import train_classifier, train_evaluator, train_joint_energy
from experiments.worlds import WORLDS
from guidance import METHODS


class Gathered(NamedTuple):
    """What one world's part of the study made: tables, and the runs behind them.

    table: tidy, a row a number of a guided cell. levels, jacobian, networks: long tables by lambda, by field, by network.
    """

    config: GuidesConfig
    table: pd.DataFrame
    levels: pd.DataFrame
    jacobian: pd.DataFrame
    networks: pd.DataFrame
    cells: list[tuple[Cell, Path]]
    runs: list[Path]
    joint: dict[str, Path]


def classifiers_study(store: Store, config: ClassifiersConfig, workers: int, redraw: bool = False) -> Path:
    """The run of the study, as write_classifiers_report fills it. What is done is not done again."""
    if found := finished(store, config.name, config, redraw):
        return found
    for one in config.worlds.values():
        rehearse(one)
    torch.set_num_threads(1)
    gathered = {world: gather(store, one, workers) for world, one in config.worlds.items()}
    shutil.rmtree(store.path(config.name, config), ignore_errors=True)
    parents = [one for each in gathered.values() for one in each.runs]
    return store.make(config.name, config, partial(write_classifiers_report, gathered), list(dict.fromkeys(parents)))


def rehearse(config: GuidesConfig) -> None:
    """Builds every network and shows it two images, so that a bad configuration stops before any work is done."""
    world = WORLDS[config.world]()
    x, logsnr, label = world.train.x[:2], torch.zeros(2), torch.tensor([0, world.classes])
    noisy = {f"guides.{name}": (one, (x, logsnr)) for name, one in config.guides.items()}
    clean = {"clean": config.clean, **{f"judges.{name}": one for name, one in config.judges.items()}, "joint": config.joint}
    every = {"denoiser": (config.denoiser, (x, logsnr, label)), **noisy, **{name: (one, (x,)) for name, one in clean.items()}}
    trials = {where: partial(rehearse_one, one, world, *inputs) for where, (one, inputs) in every.items() if one is not None}
    for label, one in config.guided.items():
        if one.classifier is not None and one.guide.softplus is not None:
            trials[f"guided.{label}"] = partial(softened, config.guides[one.classifier].build(world), one.guide.softplus)
    for where, trial in trials.items():
        try:
            trial()
        except ValueError as error:
            raise Problem(f"worlds.{config.world}.{where}: {error}") from error


def gather(store: Store, config: GuidesConfig, workers: int) -> Gathered:
    """Everything but the report."""
    trained = _train(store, config, workers)
    exact = WORLDS[config.world]().exact is not None
    done = _all(
        store, workers, {(seed, name): one for seed in config.train_seeds for name, one in _lookings(config, trained, seed)}
    )
    cells = _cells(store, config, trained, exact, workers)
    table = [row for cell, said in cells for row in _rows(config, cell, said)]
    others, joint = _beside(store, config, trained, exact)
    table += others
    levels, fields = [], []
    for (seed, (kind, name)), path in done.items():
        found = pd.read_csv(path / ("by_level.csv" if kind == "level" else "jacobian.csv"))
        found.insert(0, "classifier" if kind == "level" else "of", name)
        found.insert(0, "train_seed", seed)
        found.insert(0, "world", config.world)
        (levels if kind == "level" else fields).append(found)
    runs = [*trained.values(), *done.values(), *(one for cell, said in cells for one in (cell.samples, cell.measures, said))]
    return Gathered(
        config,
        pd.DataFrame(table),
        pd.concat(levels),
        pd.concat(fields),
        pd.DataFrame(_networks(config, trained)),
        cells,
        [*runs, *joint.values()],
        joint,
    )


def _train(store: Store, config: GuidesConfig, workers: int) -> dict[tuple[int, str], Path]:
    """Every network by training seed (-1 for judges) and name, longest trainings first."""
    wanted: dict[tuple[int, str], tuple[Any, Any]] = {}
    for seed in config.train_seeds:
        noisy = {"seed": seed, "logsnr": config.logsnr}
        wanted[seed, "denoiser"] = (train_denoiser, config.denoiser.model_copy(update=noisy))
        for name, one in sorted(config.guides.items(), key=lambda item: -item[1].attack_radius):
            wanted[seed, name] = (train_classifier, one.model_copy(update=noisy))
        if config.joint:
            wanted[seed, "joint energy"] = (train_joint_energy, config.joint.model_copy(update={"seed": seed}))
        wanted[seed, "clean"] = (train_evaluator, config.clean.model_copy(update={"seed": config.clean.seed + seed}))
    for name, one in config.judges.items():
        wanted[-1, name] = (train_evaluator, one)
    return _all(store, workers, wanted)


def _all(store: Store, workers: int, wanted: dict) -> dict:
    """The run of each (function, configuration), by its key."""
    tasks = [partial(make, store, one, store.device) for make, one in wanted.values()]
    return dict(zip(wanted, (path for _, path in sorted(run(tasks, workers)))))


def _lookings(config: GuidesConfig, trained: dict, seed: int):
    """((kind, name), (function, configuration)) of every assessment by lambda and of the Jacobians, for one training seed."""
    density, known = config.logsnr.build(), WORLDS[config.world]().exact is not None
    base = AssessConfig(world=config.world, kind="noise-aware", low=density.min, n=config.n_levels)
    base = base.model_copy(update={"levels": tuple(level for level in base.levels if density.min <= level <= density.max)})

    def assessed(name: str, **changes: object):
        return ("level", name), (assess_by_level, base.model_copy(update=changes))

    implicit = {"kind": "implicit", "n": config.n_implicit, "levels_implicit": config.levels_implicit, "noises": config.noises}
    denoiser = trained[seed, "denoiser"].name
    yield assessed("implicit", denoiser=denoiser, **implicit)
    for name in config.guides:
        yield assessed(name, classifier=trained[seed, name].name)
    yield assessed("clean, of x", kind="estimate", classifier=trained[seed, "clean"].name, denoiser=denoiser)
    first = next(iter(config.guides))
    own = JacobianConfig(world=config.world, denoiser=denoiser, classifier=trained[seed, first].name)
    yield ("field", "networks"), (jacobians, own)
    if known and seed == config.train_seeds[0]:
        yield assessed("exact", kind="exact")
        yield assessed("implicit, exact denoiser", **implicit)
        yield ("field", "exact"), (jacobians, own.model_copy(update={"denoiser": None, "classifier": None}))


def _cells(store: Store, config: GuidesConfig, trained: dict, exact: bool, workers: int) -> list[tuple[Cell, Path]]:
    """Every guided cell, sampled, measured and judged."""
    wanted = []
    for seed, sampling in product(config.train_seeds, config.sample_seeds):
        for label, one in config.guided.items():
            for w in one.ws:
                roles = METHODS[one.method].roles
                samples = SampleConfig(
                    world=config.world,
                    denoiser=None if exact else trained[seed, "denoiser"].name,
                    classifier=trained[seed, one.classifier].name if one.classifier else None,
                    others={"clean": trained[seed, "clean"].name} if "clean" in roles else {},
                    method=one.at(w),
                    sampler=config.sampler,
                    logsnr=config.logsnr,
                    seed=sampling,
                    n=config.n,
                    clip=config.clip,
                    batch=config.batch,
                    rows=config.rows,
                    guide=one.guide,
                )
                wanted.append(partial(_cell, store, config, trained, exact, seed, label, samples))
    return [cell for _, cell in sorted(run(wanted, workers), key=lambda found: found[0])]


def _cell(
    store: Store, config: GuidesConfig, trained: dict, exact: bool, seed: int, label: str, sampling: SampleConfig
) -> tuple[Cell, Path]:
    samples = sample(store, sampling, store.device)
    own = _measuring(config, trained, exact, samples.name, sampling.n, sampling.method.w)
    said = judged(
        store, JudgedConfig(world=config.world, samples=samples.name, judges=_judges(config, trained, exact, seed)), store.device
    )
    return Cell(seed, label, sampling, samples, measure(store, own, store.device)), said


def _measuring(config: GuidesConfig, trained: dict, exact: bool, samples: str, n: int, w: float | None = None) -> MeasureConfig:
    if exact:
        return MeasureConfig(world=config.world, samples=samples, sizes=(n,), w=w)
    return MeasureConfig(world=config.world, samples=samples, sizes=(n,), evaluator=trained[-1, next(iter(config.judges))].name)


def _judges(config: GuidesConfig, trained: dict, exact: bool, seed: int) -> dict[str, str | None]:
    guides = {name: trained[seed, name].name for name in (*config.guides, "clean")}
    return guides | ({EXACT: None} if exact else {name: trained[-1, name].name for name in config.judges})


def _rows(config: GuidesConfig, cell: Cell, said: Path):
    yield from prices(config, cell)
    yield from rows(config, key_of(cell), cell.measures)
    here = {"world": config.world, **key_of(cell), "n": cell.config.n}
    yield from (
        {**here, "metric": f"accuracy_by_{name}", "value": value} for name, value in read_json(said / "judged.json").items()
    )


def _beside(store: Store, config: GuidesConfig, trained: dict, exact: bool) -> tuple[list[dict], dict[str, Path]]:
    """The table's rows of what no guide made: real images, and the joint energy model's."""
    if exact:
        return [], {}
    n = min(config.n, len(WORLDS[config.world]().held_out.x))
    key = {"train_seed": -1, "w": None, "sampler": "", "steps": 0, "seed": -1}
    found = measure(store, _measuring(config, trained, exact, HELD_OUT, n), store.device)
    table, made = list(rows(config, {**key, "method": "real"}, found)), {}
    for seed in config.train_seeds if config.joint else ():
        for label, labelled in (("joint energy", False), ("joint energy, of a class", True)):
            own = JointSampleConfig(world=config.world, joint=trained[seed, "joint energy"].name, labelled=labelled, n=config.n)
            path = joint_samples(store, own, store.device)
            found = measure(store, _measuring(config, trained, exact, path.name, config.n), store.device)
            table += rows(config, {**key, "train_seed": seed, "method": label}, found)
            made |= {label: path} if seed == config.train_seeds[0] else {}
    return table, made


def _networks(config: GuidesConfig, trained: dict):
    """What every classifier of clean images reaches on held-out ones; of noise-aware ones, at the highest lambda."""
    for (seed, name), path in trained.items():
        if name == "denoiser":
            continue
        for metric, value in read_json(path / "metrics.json").items():
            value = list(value.values())[-1] if isinstance(value, dict) else value
            yield {
                "world": config.world,
                "train_seed": seed,
                "network": name,
                "metric": metric.removeprefix("held_out_"),
                "value": value,
            }
