"""The checkpoint that the words of a command stand for."""

from pathlib import Path
from typing import Any

from experiments.graph.files import content_sha256
from experiments.problems import Problem
from experiments.registry import CHECKPOINTS, lookup
from experiments.tasks.sources import Checkpoint


def checkpoint_of(world: Any, file: Path, adapter: str) -> Checkpoint:
    """The checkpoint of a file or a folder, its sha256 taken now. Problem for what cannot be read, or is no adapter."""
    try:
        CHECKPOINTS.check(lookup("checkpoints", adapter))
    except ValueError as error:
        raise Problem(f"{adapter} {error}") from error
    return Checkpoint(world=world, file=str(file), sha256=content_sha256(file), adapter=adapter)
