"""What trained networks get wrong, lambda by lambda, where the truth is known: denoiser, guided difference, classifier."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from analysis.files import write_atomically
from classifiers.assess import calibration_error
from experiments.classifier_networks import ClassifierConfig
from experiments.config import Config
from experiments.roles import load, load_denoiser
from experiments.runs import Store
from experiments.worlds import WORLDS
from guidance import Mixture, NetworkDenoiser, SampleNoise, add_noise
from guidance.gradients import log_prob_gradient

if TYPE_CHECKING:
    from experiments.cells import Trained
    from experiments.study_config import StudyConfig

LEVELS = tuple(float(level) for level in range(-14, 15))


class ErrorConfig(Config):
    """Which networks are compared with the truth, on how many held-out draws, at which lambdas."""

    world: str
    denoiser: str
    classifier: str
    n: Annotated[int, Field(ge=2)] = 2000
    levels: tuple[float, ...] = LEVELS

    @classmethod
    def of(cls, config: "StudyConfig", trained: "Trained") -> "ErrorConfig":
        """The networks of one training seed; the lambdas of LEVELS that they were trained on."""
        density = config.logsnr.build()
        levels = tuple(level for level in LEVELS if density.min <= level <= density.max)
        return cls(world=config.world, denoiser=trained.denoiser.name, classifier=trained.classifier.name, levels=levels)


def network_error(store: Store, config: ErrorConfig, device: str) -> Path:
    """The run of this comparison: errors.csv with the columns quantity, logsnr, value; see `compare` for the quantities."""
    parents = [store.root / config.denoiser, store.root / config.classifier]

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        model, _ = load_denoiser(parents[0], device, rows=250)
        classifier, _ = load(parents[1], ClassifierConfig, device)
        x, label = world.held_out.x[: config.n].to(device), world.held_out.label[: config.n].to(device)
        eps = SampleNoise(0, range(len(x)), world.shape, device)()
        exact = world.exact.to(device)
        rows = []
        for level in config.levels:
            logsnr = torch.full((len(x),), level, device=device)
            found = compare(model, classifier, exact, add_noise(x, eps, logsnr), logsnr, label, eps)
            rows += [{"quantity": name, "logsnr": level, "value": value} for name, value in found.items()]
        write_atomically(folder / "errors.csv", pd.DataFrame(rows).to_csv(index=False).encode())

    return store.make("network-error", config, build, parents)


@torch.no_grad()
def compare(
    model: NetworkDenoiser, classifier: torch.nn.Module, exact: Mixture, z: Tensor, logsnr: Tensor, label: Tensor, eps: Tensor
) -> dict[str, float]:
    """The networks beside the exact world at z_lambda; means over the draws, squared errors of eps over dimensions too.

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
    found, truth = classifier(z, logsnr).double().log_softmax(-1), exact.class_logits(z64, logsnr64).log_softmax(-1)
    gradient = log_prob_gradient(classifier, z, logsnr, label).double()
    true_gradient = log_prob_gradient(exact.class_logits, z64, logsnr64, label)
    values = {
        "eps_conditional": (cond - true_cond).square().mean(),
        "eps_null": (null - true_null).square().mean(),
        "eps_irreducible": (eps - true_cond).square().mean(),
        "difference": (difference - true_difference).square().mean(),
        "difference_size": true_difference.square().mean(),
        "difference_cosine": cosine(difference, true_difference),
        "kl_classifier": F.kl_div(found, truth, reduction="batchmean", log_target=True),
        "accuracy_classifier": (found.argmax(-1) == label).double().mean(),
        "accuracy_exact": (truth.argmax(-1) == label).double().mean(),
        "calibration": calibration_error(found.exp(), label),
        "gradient_cosine": cosine(gradient, true_gradient),
        "gradient_ratio": gradient.norm() / true_gradient.norm(),
    }
    return {name: value.item() for name, value in values.items()}


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of the angle between two tensors as one vector each, so that small rows count little; 0 if one of them is zero."""
    return (a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-300)
