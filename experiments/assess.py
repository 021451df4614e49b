"""How good a classifier is at every lambda: accuracy, likelihood, calibration, under attack; and beside the truth."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from analysis.files import write_atomically
from classifiers import Implicit
from classifiers.adversarial import robust_accuracy
from classifiers.assess import assess
from classifiers.pruned import classify
from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig
from experiments.config import Config
from experiments.network_error import cosine
from experiments.roles import load, load_denoiser
from experiments.runs import Store
from experiments.worlds import WORLDS, World
from guidance import METHODS, Clipped, Denoiser
from guidance.diffusion import add_noise, alpha_sigma
from guidance.gradients import log_prob_gradient
from guidance.seeding import SampleNoise, generator

LEVELS = (-10.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0)
FELT = 1e-3  # root mean square of sigma times the exact gradient: below, there is nothing to follow
ROUNDS = 4  # of the pruned classifier to each of `levels_implicit`
KINDS = Literal["noise-aware", "implicit", "estimate", "exact"]


class AssessConfig(Config):
    """Which classifier is assessed, on how many held-out images, at which lambdas.

    kind: "noise-aware" (the run `classifier`), "implicit" (the one inside the run `denoiser`, or inside the exact denoiser where
    none is named), "estimate" (the clean classifier `classifier` on the denoiser's unconditional x, bounded by `clip`), "exact"
    (the truth). levels_implicit, noises: of the implicit classifier. attack_radius, attack_steps: of the attack on z (noise-aware
    and exact).
    """

    world: str
    kind: KINDS
    classifier: str | None = None
    denoiser: str | None = None
    n: Annotated[int, Field(ge=1)] = 500
    levels: tuple[float, ...] = LEVELS
    levels_implicit: Annotated[int, Field(ge=1)] = 8
    noises: Annotated[int, Field(ge=1)] = 1
    low: float = -10.0
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    attack_radius: Annotated[float, Field(gt=0)] = 1.0
    attack_steps: Annotated[int, Field(ge=1)] = 5


def assess_by_level(store: Store, config: AssessConfig, device: str) -> Path:
    """The run of this assessment: by_level.csv with the columns metric, logsnr, value.

    accuracy, nll, calibration_error; robust_accuracy (after an attack on z); where the truth is known also kl_exact (nats, from
    the exact p(c|z)) and, where the exact gradient is felt, gradient_cosine and gradient_ratio (over all samples at once; of an
    "estimate" the ascent of the method clean-classifier at w = 1, which guides at the conditional x without the denoiser's
    Jacobian). Of an implicit classifier also accuracy and evaluations, _pruned and _unpruned: with classes dropped early and
    without, in ROUNDS `levels_implicit` rounds at most, of the same noise.
    """
    parents = [store.root / name for name in (config.classifier, config.denoiser) if name]

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        model = _denoiser(store, config, world, device)
        classifier, ascent = _classifier(store, config, world, model, device)
        x, label = (part[: config.n].to(device) for part in (world.held_out.x, world.held_out.label))
        eps = SampleNoise(0, range(len(x)), world.shape, device)()
        rows = []
        for level in config.levels:
            logsnr = torch.full((len(x),), level, device=device)
            z = add_noise(x, eps, logsnr)
            found = _values(config, world, classifier, ascent, z, logsnr, label)
            if config.kind == "implicit":
                found |= _pruned(config, world, model, z, logsnr, label)
            rows += [{"metric": name, "logsnr": level, "value": value} for name, value in found.items()]
        write_atomically(folder / "by_level.csv", pd.DataFrame(rows).to_csv(index=False).encode())

    return store.make("assess", config, build, parents)


def _denoiser(store: Store, config: AssessConfig, world: World, device: str) -> Denoiser | None:
    if config.denoiser:
        return load_denoiser(store.root / config.denoiser, device, rows=250)[0]
    return world.exact.float().to(device) if world.exact is not None and config.kind in ("implicit", "estimate") else None


def _classifier(
    store: Store, config: AssessConfig, world: World, model: Denoiser | None, device: str
) -> tuple[Callable, Callable]:
    """(z, logsnr) -> logits, and (z, logsnr, label) -> the gradient that guides."""
    if config.kind == "estimate":
        clean = load(store.root / config.classifier, EvaluatorConfig, device)[0]
        model = model if config.clip is None else Clipped(model, -config.clip, config.clip)
        return lambda z, logsnr: clean(model(z, logsnr, None).x), partial(clean_ascent, model, clean)
    if config.kind == "noise-aware":
        classifier = load(store.root / config.classifier, ClassifierConfig, device)[0]
    elif config.kind == "exact":
        classifier = world.exact.float().to(device).class_logits
    else:
        classifier = Implicit(model, world.classes, world.shape, config.levels_implicit, config.noises, config.low)
    return classifier, partial(log_prob_gradient, classifier)


def clean_ascent(model: Denoiser, clean: Callable, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
    """What the method clean-classifier takes for grad_z log p(label | z), at w = 1."""
    guided = METHODS["clean-classifier"](w=1.0)(model, clean)
    return (model(z, logsnr, label).eps - guided(z, logsnr, label).eps) / alpha_sigma(logsnr, z)[1]


def _values(
    config: AssessConfig, world: World, classifier: Callable, ascent: Callable, z: Tensor, logsnr: Tensor, label: Tensor
) -> dict[str, float]:
    with torch.no_grad():
        logits = torch.cat([classifier(*part) for part in zip(z.split(250), logsnr.split(250))])
    found = assess(logits, label)
    if config.kind in ("noise-aware", "exact"):
        start = torch.randn(z.shape, generator=generator(0, 1)).to(z)
        found["robust_accuracy"] = robust_accuracy(classifier, z, logsnr, label, config.attack_radius, config.attack_steps, start)
    if world.exact is not None and config.kind != "exact":
        exact = world.exact.to(z.device)
        truth = exact.class_logits(z.double(), logsnr.double()).log_softmax(-1)
        found["kl_exact"] = F.kl_div(logits.double().log_softmax(-1), truth, reduction="batchmean", log_target=True).item()
        true = log_prob_gradient(exact.class_logits, z.double(), logsnr.double(), label)
        if (alpha_sigma(logsnr, true)[1] * true).square().mean().sqrt() < FELT:
            return found  # where every class is certain there is no direction to compare with
        theirs = torch.cat([ascent(*part) for part in zip(*(one.split(50) for one in (z, logsnr, label)))])
        found["gradient_cosine"] = cosine(theirs.double(), true).item()
        found["gradient_ratio"] = (theirs.double().norm() / true.norm()).item()
    return found


def _pruned(config: AssessConfig, world: World, model: Denoiser, z: Tensor, logsnr: Tensor, label: Tensor) -> dict[str, float]:
    noise = torch.randn(ROUNDS * config.levels_implicit, *world.shape, generator=generator(0, 2))
    found = {}
    for name, surely in (("pruned", 3.0), ("unpruned", math.inf)):
        ask = partial(classify, model, classes=world.classes, noise=noise, surely=surely, low=config.low)
        parts = [ask(*part) for part in zip(z.split(250), logsnr.split(250))]
        right = torch.cat([part.label for part in parts]) == label
        found[f"accuracy_{name}"] = right.float().mean().item()
        found[f"evaluations_{name}"] = torch.cat([part.evaluations for part in parts]).float().mean().item()
    return found
