"""A classifier of clean images: the evaluator of a study, or a guide by x-hat."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from classifiers.augment import random_affine
from experiments.graph.value import value
from experiments.networks import require
from experiments.objectives.batches import ByRows, batch, clean_metrics
from experiments.worlds.world import Data, Labelled
from guidance.oracle import CrossEntropy as Loss


@value
class CrossEntropy(ByRows):
    """augment: trained on images turned, enlarged and shifted a little.

    An evaluator that overfits the training images finds real test images stranger than generated ones.
    """

    name: ClassVar[str] = "cross-entropy"
    augment: bool = True

    def build(self, network: Any, world: Any) -> nn.Module:
        return require(network, "clean_classifier")(world)

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, label = batch(images, size, g)
        return random_affine(x, g) if self.augment else x, label

    def losses_of(self, module: nn.Module, world: Any, x: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(module(x), label, reduction="none")

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        return clean_metrics(module, data.test, device)

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        """The classifier, and the loss of an image that it is; not called as a module there, or it would be counted twice."""
        return {role: module, "loss": Loss(lambda x: module.forward(x))}

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return (torch.zeros(2, *world.shape),)
