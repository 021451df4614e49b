"""A training of this package in one file: the weights, and in the header what was trained, how, on what and by which code.

`guidance-bench export RUN FILE` writes it; the adapter "exported" plays the role that the training would.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from analysis.files import write_atomically
from experiments.checkpoints.conventions import require_world
from experiments.checkpoints.state_dict import filled, read
from experiments.graph.files import read_object, require_file, sha256
from experiments.graph.store import Store
from experiments.graph.value import default, encode
from experiments.problems import Problem
from experiments.registry import lookup
from experiments.tasks.train import Train

DTYPES = {"float32": torch.float32, "float16": torch.float16}
UNTOLD = "where they were exported"  # instead of where images lie: a file goes to where they are not
HEADER = ("training", "run", "weights_sha256", "provenance")


def export(training: Train, store: Store, file: Path, dtype: str = "float32") -> None:
    """Writes the weights of a run to a .safetensors file. Problem for a run that is not whole, or weights beyond the dtype."""
    folder = store.open(training)
    state = read(folder / "model.safetensors")
    kept = {name: one.to(DTYPES[dtype]) if one.is_floating_point() else one for name, one in state.items()}
    if beyond := [name for name, one in kept.items() if not one.isfinite().all()]:
        raise Problem(f"{folder}: {beyond[0]} goes beyond {dtype}: export it as float32")
    made, recipe = read_object(folder / "provenance.json"), encode(training, expand=True, places=False)
    begun = recipe
    while (begun := begun["begin"]) is not None and "path" not in begun:
        pass  # of one training after another, the first may have begun with a file
    if begun is not None:
        begun["path"] = Path(begun["path"]).name  # the sha256 says which weights
    header = {
        "training": json.dumps(recipe),
        "run": training.address,
        "weights_sha256": sha256(folder / "model.safetensors"),
        "provenance": json.dumps({name: made[name] for name in ("finished", "machine", "device", "packages", "revision")}),
    }
    write_atomically(file, save(kept, header))


def read_header(path: Path) -> dict[str, str]:
    """What the header of an exported file says. Problem for any other file."""
    try:
        with safe_open(require_file(path), "pt") as held:
            header = held.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise Problem(f"{path} is no safetensors file: {error}") from error
    if lacking := [name for name in HEADER if name not in header]:
        raise Problem(f"{path} has no {lacking[0]} in its header: it was not written by `guidance-bench export`")
    return header


def training_of(path: Path) -> Train:
    """The training that made an exported file. Problem if it is none of this version."""
    values = json.loads(read_header(path)["training"])
    try:
        _tell(values)
        return Train(**{name: held for name, held in values.items() if name != "is"})
    except (ValidationError, TypeError) as error:
        raise Problem(f"{path}: its training is none of this version: {' '.join(str(error).split())[:200]}") from error


def _tell(values: dict[str, Any]) -> None:
    """Puts in the places that the worlds of a training, of the teachers in it and of what it begins with, cannot be without."""
    values["world"] = untold(values["world"]) | values["world"]
    if "teacher" in values["objective"]:
        _tell(values["objective"]["teacher"])
    if "world" in (values["begin"] or {}):
        _tell(values["begin"])


def untold(world: dict[str, Any]) -> dict[str, str]:
    """The places that a world cannot be without, and that its JSON form was written without."""
    kind = lookup("worlds", world["is"])
    needed = [one.name for one in dataclasses.fields(kind) if default(one) is dataclasses.MISSING]
    return {name: UNTOLD for name in needed if name in getattr(kind, "incidental", ())}


def load(path: Path, device: str, world: Any) -> Any:
    """What the training plays: a Denoiser, or a classifier. Problem for a world of another shape or other classes."""
    training = training_of(path)
    require_world(f"{path.name}, a {training.kind},", world, training.world.shape, training.world.classes)
    network = filled(training.module, read(path), path, f"the {training.kind} of its header", device)
    return training.objective.play("this", network, training.world, None)["this"]
