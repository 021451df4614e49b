"""A task whose trainings play their roles as they begin: their networks cost what the trained ones do."""

import dataclasses
from typing import Any

import torch
from torch import nn

from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.tasks.train import Train


@value
class Untrained(Train):
    """A training that is loaded without having been run."""

    def load(self, store: Store, device: str, files: Any = None) -> nn.Module:
        """The network as it begins, in evaluation mode and frozen; on "meta" without any numbers."""
        with torch.device("meta" if device == "meta" else "cpu"):
            module = self.module()
        return module.to(device).eval().requires_grad_(False)


def untrained(item: Any) -> Any:
    """A copy of a value in which every Train is Untrained, the teacher of one too."""
    if isinstance(item, Train):
        return Untrained(
            **{field.name: untrained(getattr(item, field.name)) for field in dataclasses.fields(item)} | {"begin": None}
        )
    if isinstance(item, dict):
        return {key: untrained(held) for key, held in item.items()}
    if isinstance(item, tuple):
        return tuple(untrained(held) for held in item)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        held = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        changed = {name: new for name, old in held.items() if (new := untrained(old)) is not old and new != old}
        return dataclasses.replace(item, **changed) if changed else item
    return item
