"""Samples, or the held-out real images, measured on the evaluator's features against the training images."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from analysis.measures import Reference, Samples, measure_in_parts
from experiments.config import Config
from experiments.images import from_uint8, to_uint8
from experiments.worlds import WORLDS
from experiments.networks import ClassifierConfig, EvaluatorConfig, load
from experiments.runs import Store, write_json
from experiments.sample import load_samples

HELD_OUT = "held-out"


class MeasureConfig(Config):
    """What is measured (a run of samples, or `held-out`) and by whom.

    sizes: each set is measured in disjoint parts of so many images and the mean taken, since FID, IS and recall move
    with the number: values of one size compare with each other alone.
    """

    world: str
    samples: str
    evaluator: str
    classifier: str | None
    sizes: tuple[int, ...]


def measure(store: Store, config: MeasureConfig, device: str) -> Path:
    """The run of these measures: metrics.json, {"<size>": {metric: value}}."""
    runs = (config.evaluator, config.classifier, None if config.samples == HELD_OUT else config.samples)

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        if config.samples == HELD_OUT:
            images, label = to_uint8(world.held_out.x), world.held_out.label.numpy()
        else:
            images, label = load_samples(store.root / config.samples)
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
    logits = [network(p.to(device), torch.full((len(p),), config.logsnr.max, device=device)) for p in x.split(500)]
    return torch.cat(logits).cpu().double().numpy()
