"""The study of classifiers: trained, assessed at every lambda, used as guides, judged by others; each run once."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from classifiers.guide import softened
from experiments.assess import AssessConfig, assess_by_level
from experiments.cells import Cell
from experiments.classifiers_cells import beside, cells_of, rows_of
from experiments.classifiers_config import ClassifiersConfig, GuidesConfig
from experiments.classifiers_report import write_classifiers_report
from experiments.jacobians import JacobianConfig, jacobians
from experiments.pool import run
from experiments.problems import Problem
from experiments.roles import LEAST
from experiments.runs import Store, read_json
from experiments.study import finished
from experiments.train import train_denoiser
from experiments.train_classifiers import rehearse as rehearse_one
from experiments.train_classifiers import train_classifier, train_evaluator, train_joint_energy
from experiments.worlds import WORLDS


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
    cells = cells_of(store, config, trained, exact, workers)
    table = [row for cell, said in cells for row in rows_of(config, cell, said)]
    others, joint = beside(store, config, trained, exact)
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
    base = AssessConfig(world=config.world, kind="noise-aware", low=max(density.min, LEAST), n=config.n_levels, clip=config.clip)
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
    own = JacobianConfig(world=config.world, denoiser=denoiser, classifier=trained[seed, first].name, probes=config.probes)
    yield ("field", "networks"), (jacobians, own)
    if known and seed == config.train_seeds[0]:
        yield assessed("exact", kind="exact")
        yield assessed("implicit, exact denoiser", **implicit)
        yield ("field", "exact"), (jacobians, own.model_copy(update={"denoiser": None, "classifier": None}))


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
