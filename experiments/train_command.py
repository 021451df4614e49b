"""One training from the command line, and the record that it leaves, by lambda."""

import json
from pathlib import Path

import torch
from pydantic import ValidationError

from experiments.classifier_networks import ClassifierConfig
from experiments.config import explain
from experiments.device import resolve
from experiments.problems import Problem
from experiments.runs import Store, read_json
from experiments.train_classifiers import TRAINERS, rehearse
from experiments.worlds import WORLDS


def train(kind: str, world: str, arch: str | None, settings: list[str], runs: Path, device: str, show: bool) -> None:
    """Trains one classifier, or finds it again, and prints what it reaches. Problem for whatever cannot be."""
    if kind not in TRAINERS:
        raise Problem(f"there is no {kind!r} to train; known: {', '.join(TRAINERS)}")
    if world not in WORLDS:
        raise Problem(f"there is no world {world!r}; known: {', '.join(WORLDS)}")
    known = WORLDS[world]()
    if known.train is None:
        raise Problem(f"{world} has no images to train on; of the others: {', '.join(n for n in WORLDS if WORLDS[n]().train)}")
    config_type, trainer = TRAINERS[kind]
    if arch is not None and "arch" not in config_type.model_fields:
        raise Problem(f"{kind} has no --arch; --show-config prints what can be set")
    try:
        config = config_type(world=world, **({"arch": arch} if arch else {})).override(settings)
    except ValidationError as error:
        raise Problem(explain(error)) from error
    if config.world != world:
        raise Problem(f"--world says {world} and --set world={config.world}: say one")
    if show:
        print(json.dumps(config.whole(), indent=1))
        return
    x, logsnr = known.train.x[:2], torch.zeros(2)
    try:
        rehearse(config, known, *((x, logsnr) if hasattr(config, "logsnr") else (x,)))
    except ValueError as error:
        raise Problem(f"{error}") from error
    torch.set_num_threads(1)
    path = trainer(Store(runs, resolve(device)), config, resolve(device))
    print(record(path))
    print(f"run     {path}")


def record(path: Path) -> str:
    """What a run reached on held-out images, a line a lambda where it was told one."""
    found = {name.removeprefix("held_out_"): value for name, value in read_json(path / "metrics.json").items()}
    if not isinstance(next(iter(found.values())), dict):
        return "   ".join(f"{name} {value:.3f}" for name, value in found.items())
    levels = list(next(iter(found.values())))
    lines = [" ".join(f"{word:>18}" for word in ("lambda", *found))]
    lines += [" ".join(f"{word:>18}" for word in (level, *(f"{one[level]:.3f}" for one in found.values()))) for level in levels]
    log = read_json(path / "log.json")
    last = f"{len(log['loss'])} steps"
    if looks := log.get("held_back_nll"):
        every = ClassifierConfig.model_validate(read_json(path / "config.json")).fit.look_every
        last += f"; the weights are those after {every * (1 + looks.index(min(looks)))}, held-back nll {min(looks):.3f} then"
    return "\n".join([*lines, last])
