"""Early stopping: the loss of validation images, and the weights at its minimum."""

from collections.abc import Callable

from torch import Tensor


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
