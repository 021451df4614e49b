"""The errors of trained networks at every lambda, in a world with an exact oracle: denoiser, guided difference, classifier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from classifiers.assess import calibration_error
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.tables import read_rows, write_rows
from experiments.tasks.train import Train, load_test_set
from experiments.worlds.world import data
from guidance.denoiser import NetworkDenoiser
from guidance.diffusion import add_noise
from guidance.gradients import log_prob_gradient
from guidance.mixture import Mixture
from guidance.noise import SampleNoise

ERROR_LOGSNRS = tuple(float(level) for level in range(-14, 15))


@value
class NetworkError(Task):
    """errors.csv with the columns quantity, logsnr, value (see `compare`), on n test draws of the denoiser's world.

    levels: the lambdas; those outside the denoiser's training density are skipped.
    """

    name: ClassVar[str] = "network-error"
    files: ClassVar[tuple[str, ...]] = ("errors.csv",)
    denoiser: Train
    classifier: Train
    n: Annotated[int, Field(ge=2)] = 2000
    levels: tuple[float, ...] = ERROR_LOGSNRS

    @property
    def title(self) -> str:
        return f"errors of {self.denoiser.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        world, density = self.denoiser.world, self.denoiser.objective.density
        model = self.denoiser.play("model", {}, store, device, rows=250)["model"]
        classifier, exact = self.classifier.load(store, device), data(world).oracle.to(device)
        x, label = load_test_set(world, self.n, device)
        eps = SampleNoise(0, range(len(x)), world.shape, device, "test")()
        rows = []
        for level in (level for level in self.levels if density.min <= level <= density.max):
            logsnr = torch.full((len(x),), level, device=device)
            errors = compare(model, classifier, exact, add_noise(x, eps, logsnr), logsnr, label, eps)
            rows += [{"quantity": name, "logsnr": level, "value": error} for name, error in errors.items()]
        write_rows(folder / "errors.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """quantity, logsnr, value."""
        return read_rows(store.open(self) / "errors.csv")


@torch.no_grad()
def compare(
    model: NetworkDenoiser, classifier: torch.nn.Module, exact: Mixture, z: Tensor, logsnr: Tensor, label: Tensor, eps: Tensor
) -> dict[str, float]:
    """The networks compared with the exact model at z_lambda; means over the draws, squared errors of eps over dimensions too.

    eps_conditional, eps_null    mean squared error against E[eps | z, c] and E[eps | z]
    eps_irreducible              mean squared error of E[eps | z, c] itself: what no network can do better than
    difference, difference_size  of the guided difference eps_cond - eps_null: mean squared error, mean square of the exact one
    difference_cosine            between learned and exact difference, both over all draws at once
    kl_classifier                KL(exact p(c|z) || learned), nats; accuracy_classifier, accuracy_exact: share of right labels
    calibration                  expected calibration error of the learned p(c|z), a share
    gradient_cosine              between the learned and the exact grad_z log p(c|z), both over all draws at once
    gradient_ratio               root mean square of the learned gradient over that of the exact one
    """
    cond, null = (branch.eps.double() for branch in model.branches(z, logsnr, [label, None]))
    z64, logsnr64 = z.double(), logsnr.double()
    true_cond, true_null = (branch.eps for branch in exact.branches(z64, logsnr64, [label, None]))
    difference, true_difference = cond - null, true_cond - true_null
    log_probs, exact_log_probs = classifier(z, logsnr).double().log_softmax(-1), exact.class_logits(z64, logsnr64).log_softmax(-1)
    gradient = log_prob_gradient(classifier, z, logsnr, label).double()
    true_gradient = log_prob_gradient(exact.class_logits, z64, logsnr64, label)
    values = {
        "eps_conditional": (cond - true_cond).square().mean(),
        "eps_null": (null - true_null).square().mean(),
        "eps_irreducible": (eps - true_cond).square().mean(),
        "difference": (difference - true_difference).square().mean(),
        "difference_size": true_difference.square().mean(),
        "difference_cosine": cosine(difference, true_difference),
        "kl_classifier": F.kl_div(log_probs, exact_log_probs, reduction="batchmean", log_target=True),
        "accuracy_classifier": (log_probs.argmax(-1) == label).double().mean(),
        "accuracy_exact": (exact_log_probs.argmax(-1) == label).double().mean(),
        "calibration": calibration_error(log_probs.exp(), label),
        "gradient_cosine": cosine(gradient, true_gradient),
        "gradient_ratio": gradient.norm() / true_gradient.norm(),
    }
    return {name: value.item() for name, value in values.items()}


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of the angle between two tensors as one vector each, so that small rows count little; 0 if one of them is zero."""
    return (a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-300)
