"""Samples, or what stands beside them, measured: by an evaluator against training images, or by the truth where it is known."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from analysis.measures import Reference, Samples, measure_in_parts
from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig
from experiments.config import Config
from experiments.exact import exact_draws, measure_exact
from experiments.fit import Seed
from experiments.images import from_uint8, to_uint8
from experiments.roles import load
from experiments.runs import Store, write_json
from experiments.sample import load_samples
from experiments.worlds import WORLDS

HELD_OUT, DRAWS = "held-out", "exact draws"


class MeasureConfig(Config):
    """What is measured (a run of samples, `held-out` images, or `exact draws` of the truth) and by whom.

    sizes: each set is measured in disjoint parts of so many images and the mean taken, since FID, IS and recall move
    with the number: values of one size compare with each other alone.
    evaluator: None in a world whose truth is known, which is then the judge. There w says which tilted density
    p(x|c) p(c|x)^w samples are compared with, and `exact draws` are made with `seed`, of that density where w is given.
    """

    world: str
    samples: str
    sizes: tuple[int, ...]
    evaluator: str | None = None
    classifier: str | None = None
    w: float | None = None
    seed: Seed | None = None


def measure(store: Store, config: MeasureConfig, device: str) -> Path:
    """The run of these measures: metrics.json, {"<size>": {metric: value}}."""
    made = None if config.samples in (HELD_OUT, DRAWS) else config.samples
    runs = (config.evaluator, config.classifier, made)

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        if config.evaluator is None:
            (n,) = config.sizes
            x, label = load_samples(store.root / made) if made else exact_draws(world, n, config.w, config.seed)
            write_json(folder / "metrics.json", {f"{n}": measure_exact(world, x, label, config.w)})
            return
        if config.samples == HELD_OUT:
            images, label = to_uint8(world.held_out.x), world.held_out.label.numpy()
        else:
            images, label = load_samples(store.root / made)
        x, evaluator = from_uint8(images), store.root / config.evaluator
        features, logits = evaluate(judge(evaluator, device), x, device)
        guide = guide_logits(store.root / config.classifier, x, device) if config.classifier else None
        samples = Samples(images=x.numpy(), label=label, features=features, logits=logits, guide_logits=guide)
        real = reference(evaluator, config.world, device)
        values = {f"{size}": measure_in_parts(size, samples, real, config.world) for size in config.sizes}
        write_json(folder / "metrics.json", values)

    return store.make("measure", config, build, [store.root / name for name in runs if name])


@lru_cache(maxsize=1)
def judge(path: Path, device: str) -> torch.nn.Module:
    """The evaluator of a run."""
    return load(path, EvaluatorConfig, device)[0]


@lru_cache(maxsize=1)
def reference(evaluator: Path, world: str, device: str) -> Reference:
    """The training images, which go through bytes as the samples do, and the evaluator's features of them."""
    x = from_uint8(to_uint8(WORLDS[world]().train.x))
    return Reference(images=x.numpy(), features=evaluate(judge(evaluator, device), x, device)[0])


@torch.inference_mode()
def evaluate(evaluator: torch.nn.Module, x: Tensor, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits of images in [-1, 1], in float64."""
    parts = [evaluator.features(part.to(device)) for part in x.split(500)]
    features = torch.cat(parts)
    return features.cpu().double().numpy(), evaluator.head(features).cpu().double().numpy()


@torch.inference_mode()
def guide_logits(classifier: Path, x: Tensor, device: str) -> np.ndarray:
    """The guiding classifier's logits of clean images: at the highest lambda it was trained on."""
    network, config = load(classifier, ClassifierConfig, device)
    clean = config.logsnr.build().max
    logits = [network(p.to(device), torch.full((len(p),), clean, device=device)) for p in x.split(500)]
    return torch.cat(logits).cpu().double().numpy()
