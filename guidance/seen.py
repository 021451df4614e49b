"""A model that keeps what a method asks of it: the first rows of every plain prediction, with a label or without one."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from guidance.denoiser import Branch, Denoiser, Label, NetworkDenoiser, branches, summed, weighted_sum
from guidance.diffusion import Prediction


class Seen:
    """`model`, with the same answers to the bit, in place of it as a method's role.

    asked: (z, logsnr, label, x) of the first `rows` rows (None: all) of every prediction since it was emptied. Perturbed and
    internal branches and those conditioned on another lambda are left out, and so is the sum of branches that a Denoiser other
    than NetworkDenoiser makes in a way of its own.
    """

    def __init__(self, model: Denoiser, rows: int | None = None):
        self.model, self.rows = model, rows
        self.asked: list[tuple[Tensor, Tensor, Label, Tensor]] = []

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        pred = self.model(z, logsnr, label)
        self._keep(z, logsnr, [label], [pred.x])
        return pred

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """The model's."""
        found = branches(self.model, z, logsnr, labels)
        self._keep(z, logsnr, labels, [pred.x for pred in found])
        return found

    def weighted_sum(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch], weights: Sequence[float]) -> Prediction:
        """The model's; of a network, x of each branch is worked out for the first rows alone."""
        if isinstance(self.model, NetworkDenoiser) and type(self.model).weighted_sum is NetworkDenoiser.weighted_sum:
            outputs = self.model._outputs(z, logsnr, labels)
            parts = [self.model._prediction(z[: self.rows], each[: self.rows], logsnr[: self.rows]) for each in outputs]
            self._keep(z, logsnr, labels, [pred.x for pred in parts])
            return self.model._sum(outputs, z, logsnr, weights)
        if hasattr(self.model, "weighted_sum"):
            return weighted_sum(self.model, z, logsnr, labels, weights)
        return summed(self.branches(z, logsnr, labels), weights)

    def first(self, tensor: Tensor) -> Tensor:
        """The rows that are kept, on their own."""
        return tensor[: self.rows].detach().clone()

    def _keep(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch], xs: Sequence[Tensor]) -> None:
        for entry, x in zip(labels, xs):
            if isinstance(entry, Branch):
                if not entry.plain:
                    continue
                entry = entry.label
            kept = (self.first(z), self.first(logsnr), None if entry is None else self.first(entry), self.first(x))
            self.asked.append(kept)

    def __getattr__(self, name: str) -> Any:
        if name == "model":  # of a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.model, name)
