"""A study: trainings, cells, measures, one tidy table, figures and a report, each done once and found the next time."""

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from experiments.cells import Cell, Trained, measures_of, sweep, train_all
from experiments.config import Config
from experiments.exact_report import write_exact_report
from experiments.measure import DRAWS, HELD_OUT, MeasureConfig, measure
from experiments.network_error import ErrorConfig, network_error
from experiments.pool import run
from experiments.problems import Problem
from experiments.report import write_report
from experiments.report_parts import Done
from experiments.runs import Store, check, read_json
from experiments.study_config import StudyConfig
from experiments.worlds import WORLDS
from guidance import NFE


def study(store: Store, config: StudyConfig, workers: int, redraw: bool = False) -> Path:
    """The run of a study: table.csv, summary.csv, figures/ and report.html. What is done already is not done again.

    redraw: make the study's own files anew from the runs that are there.
    """
    device = store.device
    if found := finished(store, config.name, config, redraw):
        return found
    rehearse(config)
    done_by, runs = gather(store, config, workers)
    if config.exact:
        networks = [t for t in done_by.trained if t.denoiser is not None]
        tasks = [partial(network_error, store, ErrorConfig.of(config, t), device) for t in networks]
        errors = {networks[place].seed: path for place, path in run(tasks, workers)}
        runs, write = [*runs, *errors.values()], partial(write_exact_report, done_by, errors)
    else:
        write = partial(write_report, done_by)
    shutil.rmtree(store.path(config.name, config), ignore_errors=True)
    return store.make(config.name, config, write, runs)


def finished(store: Store, kind: str, config: Config, redraw: bool) -> Path | None:
    """The run of a study if it is there, whole, with all that it was made of; None if it is to be made, or made anew."""
    done = store.path(kind, config)
    if done.exists():
        check(done)
        parents = [store.root / name for name in read_json(done / "provenance.json")["parents"]]
        if all(parent.exists() for parent in parents) and not redraw:
            for parent in parents:
                check(parent)
            return done
    return None


def gather(store: Store, config: StudyConfig, workers: int) -> tuple[Done, list[Path]]:
    """Everything but the report: trainings, cells, measures, the table; and the runs that it is all made of."""
    torch.set_num_threads(1)
    device = store.device
    evaluator, trained = train_all(store, config, device, workers)
    cells = sweep(store, config, evaluator, trained, device, workers)
    baselines = [(key, measure(store, one, device)) for key, one in _baselines(config, evaluator, trained[0])]
    table = [row for key, measures in baselines for row in rows(config, key, measures)]
    table += [row for cell in cells for row in (*prices(config, cell), *rows(config, key_of(cell), cell.measures))]
    runs = [evaluator, *(one for t in trained for one in t.runs), *(measures for _, measures in baselines)]
    runs = [one for one in (*runs, *(one for cell in cells for one in cell[3:])) if one is not None]
    return Done(config, device, pd.DataFrame(table), evaluator, trained, cells), runs


def rehearse(config: StudyConfig) -> None:
    """Builds every network and trains it on two images, so that a bad configuration stops before any work is done."""
    world = WORLDS[config.world]()
    if config.exact != (world.exact is not None):
        raise Problem(f"exact: {config.world} is a world whose truth is {'un' if config.exact else ''}known")
    if config.denoiser is None:
        return
    if world.train is None:
        raise Problem(f"denoiser: {config.world} has no training set; set denoiser=null and classifier=null")
    least, most = 2 * world.classes, len(world.held_out.x)
    if config.evaluator and not least <= config.part <= most:
        raise Problem(f"part must lie between {least} (two images of each class) and {most} (all that are held out)")
    x, logsnr, label = world.train.x[:2], torch.zeros(2), torch.tensor([0, world.classes])
    denoising = {role: (x, logsnr, label) for role in ("denoiser", "weak", "unconditional")}
    for role, inputs in {**denoising, "classifier": (x, logsnr), "evaluator": (x,), "clean": (x,)}.items():
        if (network := getattr(config, role)) is None:
            continue
        try:
            network = network.build(world)
            network(*inputs).sum().backward()
            if role == "evaluator":
                network.features(x)
        except Exception as error:  # timm's models fail in as many ways as there are authors
            raise Problem(f"{role}: {str(error).strip().splitlines()[0]}") from error


def _baselines(config: StudyConfig, evaluator: Path | None, t: Trained) -> Iterator[tuple[dict, MeasureConfig]]:
    """What no method made, and its place in the table: held-out images; or, of an exact world, draws of the truth itself.

    In the plane these are draws of the tilted density for every w, whose distances are the floor under a method's.
    """
    real = {"train_seed": -1, "method": "real", "w": None, "sampler": "", "steps": 0, "seed": -1}
    if not config.exact:
        yield real, measures_of(config, evaluator, t, HELD_OUT, (config.part,))
        return
    planar = WORLDS[config.world]().shape == (2,)
    ws = sorted({w for one in config.sweeps for w, _ in one.cells(config.methods)}) if planar else [None]
    for w, seed in product(ws, config.sample_seeds):
        key = {**real, "w": w, "seed": seed, "method": "tilted draws" if planar else "real"}
        yield key, MeasureConfig(world=config.world, samples=DRAWS, sizes=(config.n,), w=w, seed=seed)


def key_of(cell: Cell) -> dict:
    """The place of a cell in the table."""
    own = cell.config
    key = {"train_seed": cell.train_seed, "method": cell.method, "w": own.method.w, "seed": own.seed}
    return {**key, "sampler": own.sampler.label, "steps": own.sampler.steps}


def prices(config: StudyConfig, cell: Cell) -> Iterator[dict]:
    """The rows of the tidy table that hold what a cell cost."""
    cost, n = read_json(cell.samples / "cost.json"), cell.config.n
    prices = {"seconds_per_sample": cost["seconds"] / n, "peak_memory_mib": cost["peak_memory_mib"]}
    prices |= {f"nfe_{name}": cost[name] / n for name in vars(NFE())}
    pushed = read_json(cell.samples / "effective.json")["overall"]
    if pushed["scale"] is not None:  # conditional and unconditional model are one, as before any training
        prices |= {"effective_w": pushed["scale"] - 1, "orthogonal": pushed["orthogonal"]}
    key = {"world": config.world, **key_of(cell), "n": n}
    yield from ({**key, "metric": name, "value": value} for name, value in prices.items())


def rows(config: StudyConfig, key: dict, measures: Path) -> Iterator[dict]:
    """The rows of the tidy table that hold a run of measures, at the place `key`."""
    for n, values in read_json(measures / "metrics.json").items():
        here = {"world": config.world, **key, "n": int(n)}
        yield from ({**here, "metric": name, "value": value} for name, value in values.items())
