"""What methods are given: a study's trained networks, found again and checked, or the world's exact truth in their place."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import nn

from classifiers import Guide, Implicit
from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig
from experiments.config import Config
from experiments.networks import ANY_DENOISER, DenoiserConfig
from experiments.problems import Problem
from experiments.runs import check, read_json
from experiments.worlds import WORLDS
from guidance import METHODS, Denoiser, NetworkDenoiser
from guidance.grouped import Grouped
from guidance.truth import CrossEntropy, exact_roles

if TYPE_CHECKING:
    from experiments.sample import SampleConfig


LEAST = -10.0  # the lambda from which an implicit classifier sums errors: below, z is noise to any eye


class Trained(NamedTuple):
    """What a study trained with one seed, ready to be sampled from: the roles of the methods, and what samples look like.

    schedule: the density of lambda it was trained on; `schedule.grid(32)` is the paper's grid.
    """

    model: NetworkDenoiser
    classifier: nn.Module
    schedule: Callable
    shape: tuple[int, ...]
    classes: int


def load_trained(study: Path, seed: int | None = None, device: str = "cpu") -> Trained:
    """The denoiser and the classifier of a finished study, of its first training seed or of `seed`.

    Problem if there is no such study or seed, if it trained several of them, or if a file is missing or altered.
    """
    parents = [Path(study).parent / name for name in read_json(Path(study) / "provenance.json")["parents"]]
    found: dict[str, dict[int, list[Path]]] = {"denoiser": {}, "classifier": {}}
    for path in parents:
        if (kind := path.name.partition("-")[0]) in found:
            found[kind].setdefault(read_json(path / "config.json")["seed"], []).append(path)
    seed = min(found["denoiser"], default=0) if seed is None else seed
    for kind, by_seed in found.items():
        if seed not in by_seed:
            known = ", ".join(map(str, sorted(by_seed))) or "no training"
            raise Problem(f"{study} has no training seed {seed} of a {kind}: it has {known}")
        if more := len(by_seed[seed]) - 1:
            raise Problem(f"{study} has {more + 1} runs of a {kind} of the training seed {seed}: load one by its name")
    model, config = load_denoiser(found["denoiser"][seed][0], device, rows=250)
    guide = found["classifier"][seed][0]
    world = WORLDS[config.world]()
    return Trained(model, load(guide, ClassifierConfig, device)[0], config.logsnr.build(), world.shape, world.classes)


class Roles(NamedTuple):
    """The roles that a method may declare, by name, and the modules that calls are counted at."""

    of: dict[str, Denoiser | nn.Module | None]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module | None


def load_roles(root: Path, config: "SampleConfig", device: str) -> Roles:
    """What the methods are given: trained networks, or the world's exact truth in their place where none is named.

    A role of which there is neither is left out.
    """
    roles, second = _trained(root, config, device) if config.denoiser else _exact(config, device)
    if config.classifier:
        roles["classifier"] = load(root / config.classifier, ClassifierConfig, device)[0]
    if "clean" in config.others:
        roles["clean"] = load(root / config.others["clean"], EvaluatorConfig, device)[0]
        roles["loss"] = CrossEntropy(lambda x, clean=roles["clean"]: clean.forward(x))  # counted once, at the clean classifier
    counted = [roles[role] for role in ("clean", "discriminator", "loss") if role in roles]
    if config.guide != type(config.guide)():
        roles["classifier"] = _guide(roles, config)
    if "classifier" in roles and not config.guide.implicit:  # that one is counted at the denoiser
        counted.append(roles["classifier"])
    model = roles["model"]
    return Roles(roles, model.network if config.denoiser else model, nn.ModuleList(counted), second)


def _exact(config: "SampleConfig", device: str) -> tuple[dict, nn.Module]:
    world = WORLDS[config.world]()
    exact, weak, other = (one.float().to(device) for one in (world.exact, world.weak, world.exact))  # float32, as noise is
    roles = {"weak": weak, "unconditional": other, **exact_roles(exact, weak)}
    roles["model"] = Grouped(exact) if "groups" in METHODS[config.method.name].needs else exact
    return roles, other if "unconditional" in METHODS[config.method.name].roles else weak


def _trained(root: Path, config: "SampleConfig", device: str) -> tuple[dict, nn.Module | None]:
    names = {"model": config.denoiser, **{role: config.others.get(role) for role in ("weak", "unconditional")}}
    roles = {role: load_denoiser(root / name, device, config.rows)[0] for role, name in names.items() if name}
    second = [roles[role].network for role in ("weak", "unconditional") if role in roles]
    return roles, second[0] if second else None


def _guide(roles: dict, config: "SampleConfig") -> nn.Module:
    """The classifier as the configuration wants it."""
    own, world = config.guide, WORLDS[config.world]()
    if own.implicit:
        low, high = max(config.logsnr.build().min, LEAST), min(config.logsnr.build().max, -LEAST)
        classifier = Implicit(roles["model"], world.classes, world.shape, own.levels, own.noises, low, high)
    else:
        classifier = roles["classifier"]
    return Guide(classifier, own.temperature, own.softplus, own.normalised)


def load_denoiser(path: Path, device: str, rows: int | None) -> tuple[NetworkDenoiser, DenoiserConfig]:
    """A trained denoiser, which refuses lambdas that it was not trained on, and its configuration."""
    network, config = load(path, ANY_DENOISER, device)
    density = config.logsnr.build()
    classes = WORLDS[config.world]().classes
    ends = (density.min, density.max)
    return NetworkDenoiser(network, classes, config.objective.target, rows, ends, config.known_groups), config


def load(path: Path, config_type: Any, device: str) -> tuple[nn.Module, Config]:
    """A trained network, in evaluation mode and frozen, and its configuration. Problem if the run is not whole."""
    check(path)
    config = TypeAdapter(config_type).validate_python(read_json(path / "config.json"))
    network = config.build(WORLDS[config.world]())
    network.load_state_dict(load_file(path / "model.safetensors"))
    return network.to(device).eval().requires_grad_(False), config
