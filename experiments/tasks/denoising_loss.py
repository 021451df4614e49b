"""What a denoiser was trained for, on images that it was not trained on: the squared error of eps, with the label and without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import model_validator

from experiments.fields import Count
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.students import of_few_steps
from experiments.tasks.tables import read_rows, write_rows
from experiments.tasks.train import Train, load_test_set
from guidance.diffusion import add_noise
from guidance.noise import SampleNoise


@value
class DenoisingLoss(Task):
    """losses.csv with the columns branch ("conditional", "unconditional"), logsnr, value: the mean over n test images and
    dimensions of |eps - eps_theta(z, lambda, c)|^2, c the label or none; of a training that dropped no label, or every one, the
    branch that it saw alone.

    The lambdas are the middles of `levels` parts of equal probability of the training's density, so that their mean is the loss
    of Ho & Salimans (arXiv 2207.12598, Algorithm 1) on the test set. Every network meets the same noise. ValueError of a
    training of no denoiser, or of a student of few steps, which answers at its own lambdas alone.
    """

    name: ClassVar[str] = "denoising-loss"
    files: ClassVar[tuple[str, ...]] = ("losses.csv",)
    denoiser: Train
    n: Count = 500
    levels: Count = 16

    @model_validator(mode="after")
    def denoises(self) -> "DenoisingLoss":
        if not hasattr(self.denoiser.objective, "target"):
            raise ValueError(f"denoiser: a {self.denoiser.kind} is no denoiser")
        if of_few_steps(self.denoiser):
            raise ValueError("denoiser: a student of few steps answers at their levels alone, and has no loss over all of them")
        return self

    @property
    def title(self) -> str:
        return f"denoising loss of {self.denoiser.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        world, density = self.denoiser.world, self.denoiser.objective.density
        model = self.denoiser.play("model", {}, store, device, rows=250)["model"]
        x, label = load_test_set(world, self.n, device)
        noise = SampleNoise(0, range(len(x)), world.shape, device, "test")
        rows, asked = [], labels_asked(self.denoiser, model, label)
        for level in density((torch.arange(self.levels, dtype=torch.float64) + 0.5) / self.levels).tolist():
            logsnr, eps = torch.full((len(x),), level, device=device), noise()
            with torch.no_grad():
                preds = model.branches(add_noise(x, eps, logsnr), logsnr, [*asked.values()])
            for branch, pred in zip(asked, preds):
                rows.append({"branch": branch, "logsnr": level, "value": (eps - pred.eps).square().mean().item()})
        write_rows(folder / "losses.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """branch, logsnr, value."""
        return read_rows(store.open(self) / "losses.csv")


def labels_asked(denoiser: Train, model: Any, label: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """The labels of both branches, by the branch, for the model that a training plays; that which it never saw is left out."""
    conditional = {"conditional": label} if getattr(denoiser.objective, "p_uncond", 0) < 1 else {}
    return conditional | ({"unconditional": None} if getattr(model, "has_null", True) else {})
