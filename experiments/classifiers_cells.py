"""The cells of the study of classifiers: sampled with a guide, measured, judged by others; and what no guide made."""

from functools import partial
from itertools import product
from pathlib import Path

from experiments.cells import Cell
from experiments.classifiers_config import GuidesConfig
from experiments.joint_samples import JointSampleConfig, joint_samples
from experiments.judged import EXACT, JudgedConfig, judged
from experiments.measure import HELD_OUT, MeasureConfig, measure
from experiments.pool import run
from experiments.runs import Store, read_json
from experiments.sample import SampleConfig, sample
from experiments.study import key_of, prices, rows
from experiments.worlds import WORLDS
from guidance import METHODS


def cells_of(store: Store, config: GuidesConfig, trained: dict, exact: bool, workers: int) -> list[tuple[Cell, Path]]:
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


def rows_of(config: GuidesConfig, cell: Cell, said: Path):
    """The table's rows of one cell. What owes nothing to a training is measured once, and judged by every training's guides."""
    if not (_owes_nothing_to_training(cell.config) and cell.train_seed != config.train_seeds[0]):
        yield from prices(config, cell)
        yield from rows(config, key_of(cell), cell.measures)
    here = {"world": config.world, **key_of(cell), "n": cell.config.n}
    yield from (
        {**here, "metric": f"accuracy_by_{name}", "value": value} for name, value in read_json(said / "judged.json").items()
    )


def _owes_nothing_to_training(config: SampleConfig) -> bool:
    guided = config.method.w not in (0, METHODS[config.method.name].unguided)
    return config.denoiser is None and not (guided and (config.classifier or config.others))


def beside(store: Store, config: GuidesConfig, trained: dict, exact: bool) -> tuple[list[dict], dict[str, Path]]:
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
