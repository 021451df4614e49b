"""How far the fields that guide are from being gradients, at every lambda: the asymmetry of their Jacobians."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from experiments.fields import Count
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.sources import Exact
from experiments.tasks.tables import read_rows, write_rows
from experiments.tasks.train import Train, load_test_set
from experiments.worlds.world import data
from guidance.denoiser import branches
from guidance.diffusion import add_noise
from guidance.gradients import log_prob
from guidance.jacobian import asymmetry, rademacher
from guidance.noise import SampleNoise
from guidance.seeding import generator
from guidance.spaces import norm

MIN_RELATIVE_NORM = 1e-6  # of a field to the conditional one: below, only rounding error is left


@value
class Jacobians(Task):
    """jacobian.csv with the columns field, logsnr, value, sd (over images): of a trained denoiser, or of the oracle in float64.

    Fields: conditional (eps of the model given the label), guided ((1 + w) eps_cond - w eps_null), difference (eps_cond -
    eps_null, the gradient of the implicit classifier if there were one), classifier (grad log p(c | z) of a noise-aware one).
    Images where a field is below MIN_RELATIVE_NORM of the conditional one are left out: a certain class leaves rounding only.
    n: test images; probes: to each.
    """

    name: ClassVar[str] = "jacobian"
    files: ClassVar[tuple[str, ...]] = ("jacobian.csv",)
    model: Train | Exact
    classifier: Train | None = None
    w: float = 1.0
    n: Count = 64
    probes: Count = 4
    levels: tuple[float, ...] = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0)

    @property
    def title(self) -> str:
        return f"Jacobians of {getattr(self.model, 'title', 'the exact model')}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        world, trained = self.model.world, isinstance(self.model, Train)
        model = self.model.play("model", {}, store, device)["model"] if trained else data(world).oracle.to(device)
        x, label = load_test_set(world, self.n, device)
        x = x if trained else x.double()
        eps = SampleNoise(0, range(len(x)), world.shape, device, "test")().to(x)
        classifier = self.classifier.load(store, device).to(x.dtype) if self.classifier else None
        rows = []
        for level in self.levels:
            logsnr = torch.full((len(x),), level, device=device, dtype=x.dtype)
            fields = self._fields(model, classifier, logsnr, label)
            for name, field in fields.items():
                z = add_noise(x, eps, logsnr)
                measurable = norm(field(z)).flatten() > MIN_RELATIVE_NORM * norm(fields["conditional"](z)).flatten()
                values = asymmetry(field, z, rademacher(z, self.probes, generator("probes", 0, 0))).double()[measurable]
                if len(values):
                    row = {"field": name, "logsnr": level, "value": values.mean().item(), "sd": values.std(correction=0).item()}
                    rows.append(row)
        write_rows(folder / "jacobian.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """field, logsnr, value, sd."""
        return read_rows(store.open(self) / "jacobian.csv")

    def _fields(self, model: Any, classifier: Any, logsnr: torch.Tensor, label: torch.Tensor) -> dict[str, Callable]:
        def both(z):
            return branches(model, z, logsnr, [label, None])

        def score(z):
            return torch.func.grad(lambda at: log_prob(classifier(at, logsnr), label).sum())(z)

        return {
            "conditional": lambda z: both(z)[0].eps,
            "guided": lambda z: (1 + self.w) * both(z)[0].eps - self.w * both(z)[1].eps,
            "difference": lambda z: both(z)[0].eps - both(z)[1].eps,
            **({"classifier": score} if classifier is not None else {}),
        }
