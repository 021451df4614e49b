"""Accuracy of one set of samples under several classifiers: the guide itself, other guides, and independent evaluators."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from experiments.graph.files import read_json, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.evaluating import evaluate
from experiments.tasks.images import from_uint8
from experiments.tasks.measure import guide_logits
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from experiments.worlds.world import data

LOGSNR_ORACLE = 20.0  # lambda at which the oracle classifies samples; not LOGSNR_CLEAN: the frozen tables were measured at it


@value
class TransferAccuracy(Task):
    """transfer.json, {name of a classifier: share of samples to which it assigns the label that they were generated for}."""

    name: ClassVar[str] = "transfer-accuracy"
    files: ClassVar[tuple[str, ...]] = ("transfer.json",)
    samples: Any
    classifiers: dict[str, Train | Exact]

    @property
    def title(self) -> str:
        return f"transfer accuracy of {self.samples.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        images, label = self.samples.images(store)
        x = from_uint8(images) if images.dtype == "uint8" else torch.from_numpy(images)
        logits = {name: _logits(classifier, store, x, device) for name, classifier in self.classifiers.items()}
        target = torch.from_numpy(label)
        shares = {name: (predicted.argmax(-1) == target).double().mean().item() for name, predicted in logits.items()}
        write_json(folder / "transfer.json", shares)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value of each classifier."""
        for name, accuracy in read_json(store.open(self) / "transfer.json").items():
            yield {"n": self.samples.n, "metric": f"accuracy_by_{name}", "value": accuracy}


def _logits(classifier: Train | Exact, store: Store, x: Tensor, device: str) -> Tensor:
    if isinstance(classifier, Exact):
        clean = torch.full((len(x),), LOGSNR_ORACLE, dtype=torch.float64)
        return data(classifier.world).oracle.class_logits(x.double(), clean)
    if classifier.kind == "classifier":
        return torch.from_numpy(guide_logits(classifier, store, x, device))
    return torch.from_numpy(evaluate(classifier.load(store, device), x, device)[1])
