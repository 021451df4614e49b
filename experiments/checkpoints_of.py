"""The values that a command's words stand for: a world with its options, a checkpoint by its file."""

import json
from pathlib import Path
from typing import Any

from experiments.graph.files import content_sha256
from experiments.problems import Problem
from experiments.registry import build, lookup
from experiments.tasks.sources import Checkpoint

WORLD = "world."


def world_of(text: str, settings: list[str]) -> tuple[Any, list[str]]:
    """The world of a name, "package.module:Name" or JSON ({"is": name, ...}), with its `--set world.size=64`; and the other
    settings. Problem for what it is not, or lacks.
    """
    own = [setting for setting in settings if setting.startswith(WORLD) and "." not in setting.partition("=")[0][len(WORLD) :]]
    try:
        given = json.loads(text) if text.startswith("{") else {"is": text}
    except ValueError as error:
        raise Problem(f"--world: {text!r} is neither a name nor JSON") from error
    for setting in own:
        key, _, value = setting[len(WORLD) :].partition("=")
        try:
            given[key] = json.loads(value)
        except ValueError:
            given[key] = value
    found = lookup("worlds", str(given.get("is")))
    if not isinstance(found, type) and len(given) == 1:  # a value of somebody's, as package.module:mine
        return found, settings
    try:
        return build("worlds", given), [setting for setting in settings if setting not in own]
    except ValueError as error:
        raise Problem(f"world: {' '.join(str(error).split())}") from error


def checkpoint_of(world: Any, file: Path, adapter: str) -> Checkpoint:
    """The checkpoint of a file or a folder, its sha256 taken now. Problem for what cannot be read, or an unknown adapter."""
    lookup("checkpoints", adapter)
    return Checkpoint(world=world, file=str(file), sha256=content_sha256(file), adapter=adapter)
