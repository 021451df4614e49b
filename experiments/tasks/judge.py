"""What several classifiers say of one set of samples: the guide itself, other guides, and judges that never guided."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from experiments.graph.files import read_json, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.images import from_uint8
from experiments.tasks.measure import evaluate, guide_logits
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from experiments.worlds.world import data

CLEAN = 20.0  # the lambda at which the truth is asked


@value
class Judge(Task):
    """judged.json, {name of a classifier: share of samples that it gives the label they were asked to be}."""

    name: ClassVar[str] = "judged"
    files: ClassVar[tuple[str, ...]] = ("judged.json",)
    samples: Any
    judges: dict[str, Train | Exact]

    @property
    def title(self) -> str:
        return f"judges of {self.samples.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        found, label = self.samples.images(store)
        x = from_uint8(found) if found.dtype == "uint8" else torch.from_numpy(found)
        logits = {name: _logits(judge, store, x, device) for name, judge in self.judges.items()}
        asked = torch.from_numpy(label)
        shares = {name: (one.argmax(-1) == asked).double().mean().item() for name, one in logits.items()}
        write_json(folder / "judged.json", shares)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """n, metric, value of each judge."""
        for name, found in read_json(store.open(self) / "judged.json").items():
            yield {"n": self.samples.n, "metric": f"accuracy_by_{name}", "value": found}


def _logits(judge: Train | Exact, store: Store, x: Tensor, device: str) -> Tensor:
    if isinstance(judge, Exact):
        clean = torch.full((len(x),), CLEAN, dtype=torch.float64)
        return data(judge.world).oracle.class_logits(x.double(), clean)
    if judge.kind == "classifier":
        return torch.from_numpy(guide_logits(judge, store, x, device))
    return torch.from_numpy(evaluate(judge.load(store, device), x, device)[1])
