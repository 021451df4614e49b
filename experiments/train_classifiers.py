"""How classifiers are trained and what is recorded of them on held-out images: noise-aware ones, judges, a joint energy model."""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from classifiers.adversarial import attack
from classifiers.assess import assess
from classifiers.augment import random_affine
from classifiers.joint_energy import joint_loss
from classifiers.noise_aware import NoiseAware, noisy_cross_entropy
from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig, JointEnergyConfig
from experiments.config import Config
from experiments.early_stopping import EarlyStopping
from experiments.files import sha256
from experiments.problems import Problem
from experiments.runs import Store, check, read_json
from experiments.train import LEVELS, batch, by_level, noisy_batch, to, train_network
from experiments.worlds import WORLDS, Labelled, World
from guidance.diffusion import add_noise
from guidance.seeding import SampleNoise

HELD_BACK, AT_MOST = 10, 1000  # every so-manieth image of a class, about so many in all, for a training to stop by


def train_classifier(store: Store, config: ClassifierConfig, device: str) -> Path:
    """The run of the noise-aware classifier, trained on z_lambda over the density of lambda of the diffusion model."""
    world = WORLDS[config.world]()
    kept, back = held_back(labelled_right(world), config.fit.patience)
    network = config.build(world)
    if config.weights is not None and not store.path("classifier", config).exists():
        begin_with(network, config, world)

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, eps, logsnr, label = noisy_batch(kept, config, g)
        x = random_affine(x, g) if config.augment else x
        if not config.attack_radius:
            return noisy_cross_entropy(network, *to(device, x, eps, logsnr, label))
        z, start = add_noise(x, eps, logsnr), torch.randn(x.shape, generator=g)
        z, logsnr, label, start = to(device, z, logsnr, label, start)
        network.eval()  # the attack is to leave the statistics of a batch normalisation alone
        z = attack(network, z, logsnr, label, config.attack_radius, config.attack_steps, start)
        return F.cross_entropy(network.train()(z, logsnr), label, reduction="none")

    def held_back_loss(state: dict[str, Tensor]) -> float:
        def nll(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            logits = torch.func.functional_call(network, state, (add_noise(x, eps, logsnr), logsnr))
            return F.cross_entropy(logits, label, reduction="none")

        network.eval()
        with torch.no_grad():
            found = by_level(back, device, nll)
        network.train()
        return sum(found.values()) / len(found)

    def judge(network: nn.Module) -> dict:
        found = by_lambda(network, world.held_out, device)
        return {f"held_out_{name}": {level: one[name] for level, one in found.items()} for name in next(iter(found.values()))}

    stopping = EarlyStopping(held_back_loss, config.fit.look_every, config.fit.patience) if config.fit.patience else None
    return train_network(store, "classifier", config, network, losses, judge, device, stopping)


def rehearse(config: Config, world: World, *inputs: Tensor) -> nn.Module:
    """The network of a configuration, which has seen `inputs` forward and backward. ValueError in one line where it cannot."""
    try:
        network = config.build(world)
        network(*inputs).sum().backward()
    except Exception as error:  # timm's models fail in as many ways as there are authors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        arch, size = getattr(config, "arch", None), getattr(config, "size", None)
        named = reason if arch is None or arch in reason else f"{arch} cannot take images of {size} x {size}: {reason}"
        raise ValueError(named) from error
    return network


def by_lambda(network: nn.Module, images: Labelled, device: str) -> dict[str, dict[str, float]]:
    """accuracy, nll and calibration_error at each of LEVELS, from the same noise every time."""
    eps = SampleNoise(0, range(len(images.x)), images.x.shape[1:])()
    x, eps, label = to(device, images.x, eps, images.label)
    found = {}
    for level in LEVELS:
        logsnr = torch.full((len(x),), level, device=device)
        z = add_noise(x, eps, logsnr)
        logits = torch.cat([network(*part) for part in zip(z.split(500), logsnr.split(500))])
        found[f"{level:g}"] = assess(logits, label)
    return found


def labelled_right(world: World) -> Labelled:
    """The world's training images. Problem for labels that the world does not have."""
    low, high = int(world.train.label.min()), int(world.train.label.max())
    if low < 0 or high >= world.classes:
        raise Problem(f"{world.name} says it has {world.classes} classes, but its labels reach from {low} to {high}")
    return world.train


def held_back(train: Labelled, patience: int) -> tuple[Labelled, Labelled | None]:
    """The images to train on, and those to stop by, of every class alike."""
    if not patience:
        return train, None
    order, counts = train.label.argsort(stable=True), train.label.bincount()
    rank = torch.empty_like(order)  # of every image within its class
    rank[order] = torch.arange(len(order)) - (counts.cumsum(0) - counts)[train.label[order]]
    apart = max(HELD_BACK, len(train.x) // AT_MOST)
    back = rank % apart == apart - 1
    return Labelled(train.x[~back], train.label[~back]), Labelled(train.x[back], train.label[back])


def begin_with(network: nn.Module, config: ClassifierConfig, world: World) -> None:
    """Puts the weights that the configuration names into `network`. Problem where they are not there, or another's."""
    if config.weights == "timm":
        _of_timm(network, config)
        return
    path = Path(config.weights)
    if not path.exists():
        raise Problem(f"weights: there is no file or run {path}")
    if path.is_dir():
        _of_a_run(network, config, path)
        return
    if not isinstance(network, NoiseAware):
        raise Problem(f"weights: timm has none of {config.arch}; name the folder of a run")
    if not config.sha256:
        raise Problem(f"weights: say what file it is: set sha256 (this one's is {sha256(path)})")
    if (found := sha256(path)) != config.sha256:
        raise Problem(f"weights: {path} has the sha256 {found[:12]}..., not {config.sha256[:12]}...")
    _of_timm(network, config)


def _of_timm(network: NoiseAware, config: ClassifierConfig) -> None:
    try:
        network.begin_with(config.weights)
    except ValueError as error:
        raise Problem(f"weights: {error}") from error


def _of_a_run(network: nn.Module, config: ClassifierConfig, path: Path) -> None:
    check(path)
    there = read_json(path / "config.json")
    if not path.name.startswith("classifier-"):
        raise Problem(f"weights: {path} is no run of a noise-aware classifier")
    other = ClassifierConfig.model_validate(there)
    for name in ("world", "arch", "size", "told", "half"):
        theirs, ours = getattr(other, name), getattr(config, name)
        if theirs != ours:
            raise Problem(f"weights: {path} has {name} {theirs}, not {ours}")
    network.load_state_dict(load_file(path / "model.safetensors"))


def train_evaluator(store: Store, config: EvaluatorConfig, device: str) -> Path:
    """The run of the evaluator, trained on clean images."""
    world = WORLDS[config.world]()
    train = labelled_right(world)

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, label = batch(train, config.fit.batch, g)
        x = random_affine(x, g) if config.augment else x
        return F.cross_entropy(network(x.to(device)), label.to(device), reduction="none")

    def judge(network: nn.Module) -> dict:
        return clean_figures(network, world, device)

    return train_network(store, "evaluator", config, config.build(world), losses, judge, device)


def train_joint_energy(store: Store, config: JointEnergyConfig, device: str) -> Path:
    """The run of a joint energy model: its chains are part of its weights."""
    world = WORLDS[config.world]()
    train = labelled_right(world)
    options = {"steps": config.langevin_steps, **config.model_dump(include={"step", "noise", "blur", "bound"})}

    def losses(network: nn.Module, g: torch.Generator) -> Tensor:
        x, label = to(device, *batch(train, config.fit.batch, g))
        return joint_loss(network, x, label, g, **options)

    return train_network(
        store, "joint-energy", config, config.build(world), losses, partial(clean_figures, world=world, device=device), device
    )


def clean_figures(network: nn.Module, world: World, device: str) -> dict[str, float]:
    """Accuracy, likelihood and calibration of a classifier of clean images on the held-out ones."""
    logits = torch.cat([network(part.to(device)) for part in world.held_out.x.split(500)]).cpu()
    return {f"held_out_{name}": value for name, value in assess(logits, world.held_out.label).items()}


TRAINERS = {
    "classifier": (ClassifierConfig, train_classifier),
    "evaluator": (EvaluatorConfig, train_evaluator),
    "joint-energy": (JointEnergyConfig, train_joint_energy),
}
