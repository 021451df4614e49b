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


class OfTraining:
    """Base of sources that play the weights of a training other than those it ended with.

    training: which; None: that of the study's model, so that `weak=Snapshot(step=250)` names a weak model in one line.
    """

    training: Train | None

    @property
    def files(self) -> dict[str, float]:
        """The files of the run whose weights are added up, each times its number."""
        raise NotImplementedError

    @property
    def objective(self) -> Any:
        return self._training.objective

    @property
    def world(self) -> Any:
        return self._training.world

    def of_model(self, model: Any) -> Any:
        """The same of the study's model, unless it has a training of its own. ValueError where the model is no training."""
        if self.training is not None:
            return self
        if not isinstance(model, Train):
            raise ValueError("training: the study's model is no training of ours, so say which training it is of")
        return replace(self, training=model)

    def of_seed(self, seed: int, density: Any) -> Any:
        """The same of another seed."""
        return replace(self, training=self._training.of_seed(seed, density))

    def load(self, store: Store, device: str) -> torch.nn.Module:
        """The network, in evaluation mode and frozen. Problem if the run is not whole."""
        return self._training.load(store, device, self.files)

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        return self.objective.play(role, self.load(store, device), self.world, rows)

    @property
    def _training(self) -> Train:
        if self.training is None:
            raise ValueError("training: say which, or take it as a role of a study, whose model's training it then is")
        return self.training


@value
class Snapshot(OfTraining):
    """A training after `step` of its steps, one of its fit.snapshots: its learning rate not yet come to zero."""

    name: ClassVar[str] = "snapshot"
    training: Train | None = None
    step: Count

    @model_validator(mode="after")
    def is_kept(self) -> "Snapshot":
        if self.training is not None and self.step not in self.training.fit.snapshots:
            kept = ", ".join(map(str, self.training.fit.snapshots)) or "none"
            raise ValueError(f"step: {self.step} is no snapshot of its training, which keeps {kept}: add it to fit.snapshots")
        return self

    @property
    def files(self) -> dict[str, float]:
        return {snapshot_file(self.step): 1.0}
