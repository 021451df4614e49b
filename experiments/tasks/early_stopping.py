"""Early stopping: which images are held back, the loss on them, and the weights at its minimum."""

from collections.abc import Callable

import torch
from torch import Tensor

from experiments.worlds.world import Labelled

VALIDATION_EVERY, MAX_VALIDATION = 10, 1000  # one image in VALIDATION_EVERY of each class, and about MAX_VALIDATION in all


class EarlyStopping:
    """Evaluates the averaged weights every `every` steps; `over` once the last `patience` looks were none better than the best.

    loss: of a state of the network, on validation images. best: the state where it was smallest, empty before the first look;
    looks: the loss of every evaluation.
    """

    def __init__(self, loss: Callable[[dict[str, Tensor]], float], every: int, patience: int):
        self.loss, self.every, self.patience = loss, every, patience
        self.best: dict[str, Tensor] = {}
        self.looks: list[float] = []

    def due(self, step: int) -> bool:
        """Whether it is time to look, after `step` steps."""
        return step % self.every == 0

    def look(self, step: int, state: dict[str, Tensor]) -> None:
        """Looks at `state`, after `step` steps, if it is time to."""
        if not self.due(step):
            return
        found = self.loss(state)
        if found < min(self.looks, default=float("inf")):
            self.best = {name: value.clone() for name, value in state.items()}
        self.looks.append(found)

    @property
    def over(self) -> bool:
        """Whether to stop. The first of equal losses is the best one."""
        return bool(self.looks) and len(self.looks) - 1 - self.looks.index(min(self.looks)) >= self.patience


def split_validation(train: Labelled, patience: int) -> tuple[Labelled, Labelled | None]:
    """The training and the validation images, each class split alike; None without early stopping (patience 0)."""
    if not patience:
        return train, None
    order, counts = train.label.argsort(stable=True), train.label.bincount()
    rank = torch.empty_like(order)  # of every image within its class
    rank[order] = torch.arange(len(order)) - (counts.cumsum(0) - counts)[train.label[order]]
    every = max(VALIDATION_EVERY, len(train.x) // MAX_VALIDATION)
    chosen = rank % every == every - 1
    return train.subset(~chosen), train.subset(chosen)
