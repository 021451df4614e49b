"""How far guided predictions are from the exact guided field, along the trajectories that they make, in an exact world."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import model_validator
from torch import Tensor

from experiments.fields import Count
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.drawing import Drawing
from experiments.tasks.sample import Sample
from experiments.tasks.tables import read_rows, write_rows
from experiments.worlds.world import data
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction
from guidance.mixture import Mixture


@value
class GuidedError(Task):
    """errors.csv with the columns quantity, logsnr, value, of the first n trajectories of `samples`, one row per call:

    error    mean over samples and dimensions of |eps - eps*|^2, eps the guided prediction of the method and eps* the exact guided
             one, eps_c + w (eps_c - eps_u), at the z that the method has come to
    size     the mean of |w (eps_c - eps_u)|^2 there, the exact update

    ValueError in a world without an oracle.
    """

    name: ClassVar[str] = "guided-error"
    files: ClassVar[tuple[str, ...]] = ("errors.csv",)
    samples: Sample
    n: Count = 200

    @model_validator(mode="after")
    def exact(self) -> "GuidedError":
        if not self.samples.world.exact:
            raise ValueError(f"samples: {self.samples.world.label} has no exact field to compare with")
        return self

    @property
    def title(self) -> str:
        return f"guided error of {self.samples.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        exact = data(self.samples.world).oracle.to(device)
        beside: list[Beside] = []

        def wrapped(guided: Denoiser) -> Denoiser:
            beside.append(Beside(guided, exact, self.samples.method.w))
            return beside[-1]

        Drawing(self.samples, store, device).around(range(min(self.n, self.samples.n)), wrapped)
        write_rows(folder / "errors.csv", beside[0].rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """quantity, logsnr, value."""
        return read_rows(store.open(self) / "errors.csv")


class Beside:
    """A guided denoiser that keeps, call by call, how far it is from the exact one of strength w; see GuidedError."""

    def __init__(self, guided: Denoiser, exact: Mixture, w: float):
        self.guided, self.exact, self.w = guided, exact, w
        self.rows: list[dict[str, Any]] = []

    @torch.no_grad()
    def __call__(self, z: Tensor, logsnr: Tensor, label: Tensor | None) -> Prediction:
        pred = self.guided(z, logsnr, label)
        cond, null = (branch.eps for branch in self.exact.branches(z.double(), logsnr.double(), [label, None]))
        update = self.w * (cond - null)
        kept = {"error": (pred.eps.double() - (cond + update)).square().mean(), "size": update.square().mean()}
        level = float(logsnr[0])
        self.rows += [{"quantity": name, "logsnr": level, "value": float(number)} for name, number in kept.items()]
        return pred
