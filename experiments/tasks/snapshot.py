"""A network as it was before its training ended: what guidance repairs in an under-trained model, and a weak one."""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import model_validator

from experiments.fields import Count
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.tasks.fit import snapshot_file
from experiments.tasks.train import Train


@value
class Snapshot:
    """A training after `step` of its steps, one of its fit.snapshots: its learning rate not yet come to zero."""

    name: ClassVar[str] = "snapshot"
    training: Train
    step: Count

    @model_validator(mode="after")
    def is_kept(self) -> "Snapshot":
        if self.step not in self.training.fit.snapshots:
            kept = ", ".join(map(str, self.training.fit.snapshots)) or "none"
            raise ValueError(f"step: {self.step} is no snapshot of its training, which keeps {kept}: add it to fit.snapshots")
        return self

    @property
    def objective(self) -> Any:
        return self.training.objective

    def of_seed(self, seed: int, density: Any) -> "Snapshot":
        """The same of another seed."""
        return replace(self, training=self.training.of_seed(seed, density))

    def load(self, store: Store, device: str) -> torch.nn.Module:
        """The network, in evaluation mode and frozen. Problem if the run is not whole."""
        return self.training.load(store, device, snapshot_file(self.step))

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        return self.objective.play(role, self.load(store, device), self.training.world, rows)
