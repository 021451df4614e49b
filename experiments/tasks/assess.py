"""How good a classifier is at every lambda: accuracy, likelihood, calibration, under attack, and against the exact one."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from classifiers.adversarial import robust_accuracy
from classifiers.assess import assess
from classifiers.generative import Implicit
from classifiers.pruned import classify
from experiments.fields import Count, Positive, WorldOf
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.tasks.network_error import cosine
from experiments.tasks.tables import read_rows, write_rows
from experiments.tasks.train import Train, load_test_set
from experiments.worlds.world import data
from guidance.denoiser import Clipped, Denoiser
from guidance.diffusion import add_noise, alpha_sigma
from guidance.gradients import log_prob_gradient
from guidance.methods.clean_classifier import CleanClassifier
from guidance.noise import SampleNoise
from guidance.seeding import generator

ASSESS_LOGSNRS = (-10.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0)
MIN_GRADIENT_RMS = 1e-3  # of sigma times the exact gradient: a smaller one has no direction to compare with
ROUNDS = 4  # of the pruned classifier to each of `levels_implicit`


@value
class Assess(Task):
    """Which classifier is assessed, on how many test images, at which lambdas.

    what: "noise-aware" (the training `classifier`), "implicit" (the one inside the training `denoiser`, or inside the exact
    denoiser where none is given), "estimate" (the clean `classifier` on the denoiser's unconditional x, bounded by `clip`),
    "exact" (the oracle). levels_implicit, noises: of the implicit classifier. attack_radius, attack_steps: of the attack on z
    (noise-aware and exact).

    by_level.csv has the columns metric, logsnr, value: accuracy, nll, calibration_error; robust_accuracy (after an attack on z);
    with an exact oracle also kl_exact (nats, from the exact p(c|z)) and, where the exact gradient does not vanish,
    gradient_cosine and gradient_ratio (over all samples at once; of an "estimate" the gradient of the method clean-classifier at
    w = 1, which guides at the conditional x without the denoiser's Jacobian). Of an implicit classifier also accuracy and
    evaluations, _pruned and _unpruned: with classes dropped early and without, in at most ROUNDS *
    `levels_implicit` rounds, of the same noise.
    """

    name: ClassVar[str] = "assess"
    files: ClassVar[tuple[str, ...]] = ("by_level.csv",)
    world: WorldOf
    what: Literal["noise-aware", "implicit", "estimate", "exact"]
    classifier: Train | None = None
    denoiser: Train | None = None
    n: Count = 500
    levels: tuple[float, ...] = ASSESS_LOGSNRS
    levels_implicit: Count = 8
    noises: Count = 1
    low: float = -10.0
    clip: Positive | None = 1.0
    attack_radius: Positive = 1.0
    attack_steps: Annotated[int, Field(ge=1)] = 5

    @model_validator(mode="after")
    def has_its_networks(self) -> "Assess":
        if (self.classifier is not None) != (self.what in ("noise-aware", "estimate")):
            raise ValueError(f"classifier: {self.what} {'needs one' if self.classifier is None else 'is given none'}")
        return self

    @property
    def title(self) -> str:
        return f"{self.what} by lambda"

    def run(self, folder: Path, store: Store, device: str) -> None:
        model = self._model(store, device)
        classifier, gradient = self._classifier_and_gradient(model, store, device)
        x, label = load_test_set(self.world, self.n, device)
        eps = SampleNoise(0, range(len(x)), self.world.shape, device, "test")()
        rows = []
        for level in self.levels:
            logsnr = torch.full((len(x),), level, device=device)
            z = add_noise(x, eps, logsnr)
            metrics = self._values(classifier, gradient, z, logsnr, label)
            if self.what == "implicit":
                metrics |= self._pruned(model, z, logsnr, label)
            rows += [{"metric": name, "logsnr": level, "value": number} for name, number in metrics.items()]
        write_rows(folder / "by_level.csv", rows)

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """metric, logsnr, value."""
        return read_rows(store.open(self) / "by_level.csv")

    def _model(self, store: Store, device: str) -> Denoiser | None:
        if self.denoiser is not None:
            return self.denoiser.play("model", {}, store, device, rows=250)["model"]
        inside = self.world.exact and self.what in ("implicit", "estimate")
        return data(self.world).oracle.float().to(device) if inside else None

    def _classifier_and_gradient(self, model: Denoiser | None, store: Store, device: str) -> tuple[Callable, Callable]:
        """(z, logsnr) -> logits, and (z, logsnr, label) -> the gradient that guides."""
        if self.what == "estimate":
            clean = self.classifier.load(store, device)
            model = model if self.clip is None else Clipped(model, -self.clip, self.clip)
            return lambda z, logsnr: clean(model(z, logsnr, None).x), partial(clean_gradient, model, clean)
        if self.what == "noise-aware":
            classifier = self.classifier.load(store, device)
        elif self.what == "exact":
            classifier = data(self.world).oracle.float().to(device).class_logits
        else:
            classifier = Implicit(model, self.world.classes, self.world.shape, self.levels_implicit, self.noises, self.low)
        return classifier, partial(log_prob_gradient, classifier)

    def _values(self, classifier: Callable, gradient: Callable, z: Tensor, logsnr: Tensor, label: Tensor) -> dict[str, float]:
        with torch.no_grad():
            logits = torch.cat([classifier(*part) for part in zip(z.split(250), logsnr.split(250))])
        metrics = assess(logits, label)
        if self.what in ("noise-aware", "exact"):
            start = torch.randn(z.shape, generator=generator("attack", 0, 0)).to(z)
            metrics["robust_accuracy"] = robust_accuracy(
                classifier, z, logsnr, label, self.attack_radius, self.attack_steps, start
            )
        if self.world.exact and self.what != "exact":
            exact = data(self.world).oracle.to(z.device)
            log_probs = exact.class_logits(z.double(), logsnr.double()).log_softmax(-1)
            metrics["kl_exact"] = F.kl_div(
                logits.double().log_softmax(-1), log_probs, reduction="batchmean", log_target=True
            ).item()
            exact_gradient = log_prob_gradient(exact.class_logits, z.double(), logsnr.double(), label)
            if (alpha_sigma(logsnr, exact_gradient)[1] * exact_gradient).square().mean().sqrt() < MIN_GRADIENT_RMS:
                return metrics  # where every class is certain there is no direction to compare with
            gradients = torch.cat([gradient(*part) for part in zip(*(tensor.split(50) for tensor in (z, logsnr, label)))])
            metrics["gradient_cosine"] = cosine(gradients.double(), exact_gradient).item()
            metrics["gradient_ratio"] = (gradients.double().norm() / exact_gradient.norm()).item()
        return metrics

    def _pruned(self, model: Denoiser, z: Tensor, logsnr: Tensor, label: Tensor) -> dict[str, float]:
        noise = torch.randn(ROUNDS * self.levels_implicit, *self.world.shape, generator=generator("pruned classifier", 0, 0))
        metrics = {}
        for name, z_score in (("pruned", 3.0), ("unpruned", math.inf)):
            classify_rows = partial(classify, model, classes=self.world.classes, noise=noise, z_score=z_score, low=self.low)
            parts = [classify_rows(*part) for part in zip(z.split(250), logsnr.split(250))]
            right = torch.cat([part.label for part in parts]) == label
            metrics[f"accuracy_{name}"] = right.float().mean().item()
            metrics[f"evaluations_{name}"] = torch.cat([part.evaluations for part in parts]).float().mean().item()
        return metrics


def clean_gradient(model: Denoiser, clean: Callable, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
    """What the method clean-classifier takes for grad_z log p(label | z), at w = 1."""
    guided = CleanClassifier(w=1.0)(model, clean)
    return (model(z, logsnr, label).eps - guided(z, logsnr, label).eps) / alpha_sigma(logsnr, z)[1]
