"""Sources of the roles that methods declare: a training, the exact model of a world, a classifier made into a guide.

A source is a value with  play(role, given, store, device, rows) -> {role: what plays it};  `given` are the roles so far.
"""

from collections.abc import Callable
from dataclasses import replace
from pickle import UnpicklingError
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import nn

from experiments.fields import Count, Positive, WorldOf
from experiments.graph.files import content_sha256
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.levels import levels_of
from experiments.problems import Problem, one_line
from experiments.registry import lookup
from experiments.shipped import located, shipped
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.train import Train
from experiments.tasks.weaker import PostHoc, Smaller
from experiments.worlds.world import data
from guidance.denoiser import NetworkDenoiser
from guidance.diffusion import Prediction
from guidance.grouped import Grouped
from guidance.oracle import exact_roles
from guidance.paired import PairedMixture

DENOISERS = ("model", "weak", "unconditional")  # roles
MIN_LOGSNR_IMPLICIT = -10.0  # lambda from which an implicit classifier sums errors: below, z is indistinguishable from noise


@value
class Exact:
    """The exact model of a world instead of every network, in float32, as noise is. groups: a model that knows two of them, or
    the two conditions of a world of pairs (experiments.worlds.paired).
    """

    name: ClassVar[str] = "exact"
    world: WorldOf
    groups: bool = False

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        dataset = data(self.world)
        exact, weak, other = (mixture.float().to(device) for mixture in (dataset.oracle, dataset.weak, dataset.oracle))
        roles = {"weak": weak, "unconditional": other, **exact_roles(exact, weak)}
        pairs = getattr(self.world, "pairs", None)
        grouped = Grouped(exact) if pairs is None else PairedMixture(exact, pairs)
        roles["model"] = grouped if self.groups else exact
        return roles if role == "model" else {role: roles[role]}


@value
class Implicit:
    """The classifier inside the denoiser that is the model (classifiers.generative): of `levels` lambdas and `noises` draws."""

    name: ClassVar[str] = "implicit"
    world: WorldOf
    low: float
    high: float
    levels: Count = 4
    noises: Count = 1

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        from classifiers.generative import Implicit as Module

        ends = max(self.low, MIN_LOGSNR_IMPLICIT), min(self.high, -MIN_LOGSNR_IMPLICIT)
        return {role: Module(given["model"], self.world.classes, self.world.shape, self.levels, self.noises, *ends)}


@value
class Checkpoint:
    """External weights: a file or a folder, its sha256 (`content_sha256`), and the adapter that makes what plays the role of it.

    file: a path, or "shipped:<place>" for one that ships with the package (experiments.shipped).
    adapter: of the registry `checkpoints`, or "package.module:Name": a function of (path, device, world) that returns what plays
    the role, a Denoiser, or of a classifier a module of (z, logsnr). The adapter opens the file, and must never unpickle it.
    """

    name: ClassVar[str] = "checkpoint"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    world: WorldOf
    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    adapter: str

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        path = located(self.file)
        if (digest := content_sha256(path)) != self.sha256:
            raise Problem(f"{path} has the sha256 {digest[:12]}..., not {self.sha256[:12]}...: it is another file")
        try:
            player = lookup("checkpoints", self.adapter)(path, device, self.world)
        except Problem:
            raise
        except Exception as error:  # adapters and files fail in as many ways as there are authors
            if isinstance(error, UnpicklingError) or "weights_only" in str(error):
                raise Problem(f"{path} is a pickle of more than weights, which could run code: it is not opened") from error
            raise Problem(f"the adapter {self.adapter} cannot read {path}: {type(error).__name__}: {one_line(error)}") from error
        if role in DENOISERS and (wrong := no_denoiser(player, self.world, device)):
            raise Problem(f"the adapter {self.adapter} made {wrong}: it must return (z, logsnr, label) -> Prediction")
        if isinstance(player, NetworkDenoiser) and player.rows is None:
            player = replace(player, rows=rows)
        counted = isinstance(getattr(player, "network", None), nn.Module) and not isinstance(player, nn.Module)
        return {role: player if counted or role not in DENOISERS else Counted(player)}

    def load(self, store: Store, device: str) -> Any:
        """What the adapter makes, as a classifier is loaded."""
        return self.play("classifier", {}, store, device)["classifier"]

    def rests_on(self) -> list[Any]:
        """The adapter is part of the code that makes samples."""
        adapter = lookup("checkpoints", self.adapter)
        return [adapter if hasattr(adapter, "__qualname__") else type(adapter)]


def shipped_source(world: Any, role: str) -> Checkpoint | None:
    """The network that ships with the package for a role in a world; None if there is none."""
    found = shipped(world.name).get(role)
    return None if found is None else Checkpoint(world=world, file=found[0], sha256=found[1], adapter="exported")


@value
class Guide:
    """A classifier as a guide (classifiers.guide); `classifier` None: the one that already has the role."""

    name: ClassVar[str] = "guide"
    classifier: Train | Implicit | Checkpoint | None = None
    temperature: Positive = 1.0
    softplus: Positive | None = None
    normalised: bool = False

    @model_validator(mode="after")
    def changes_something(self) -> "Guide":
        if self.softplus is not None and isinstance(self.classifier, Implicit):
            raise ValueError("softplus: an implicit classifier has no ReLU of its own; leave it out")
        if self.softplus is not None and isinstance(self.classifier, Checkpoint):
            raise ValueError("softplus: it replaces the ReLUs of a training, not those of a checkpoint; leave it out")
        return self

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        from classifiers.guide import Guide as Module

        classifier = given[role] if self.classifier is None else self.classifier.play(role, given, store, device, rows)[role]
        return {role: Module(classifier, self.temperature, self.softplus, self.normalised)}

    @property
    def implicit(self) -> bool:
        return isinstance(self.classifier, Implicit)

    def dry_run(self) -> None:
        """ValueError for a classifier that cannot be made smooth."""
        from classifiers.guide import softened

        softened(self.classifier.module(), self.softplus)


class Counted:
    """A denoiser that is a plain function, with a module inside at which its evaluations are counted."""

    def __init__(self, function: Callable[..., Prediction]):
        self.network = function if isinstance(function, nn.Module) else _Function(function)

    def __call__(self, z: torch.Tensor, logsnr: torch.Tensor, label: torch.Tensor | None) -> Prediction:
        return self.network(z, logsnr, label)


class _Function(nn.Module):
    def __init__(self, function: Callable[..., Any]):
        super().__init__()
        self.forward = function


def no_denoiser(candidate: Any, world: Any, device: str) -> str | None:
    """What is wrong with something that ought to be a Denoiser of a world, found out by asking it; None if nothing is."""
    if not callable(candidate) or isinstance(candidate, type):
        return f"{candidate!r}, which is no Denoiser"
    z = torch.zeros(2, *world.shape, device=device)
    try:
        with torch.no_grad():
            logsnr = levels_of(candidate, world.shape, device).nearest(torch.zeros(1)).item()  # a chain may not know 0
            output = candidate(z, z.new_full((2,), logsnr), torch.zeros(2, dtype=torch.long, device=device))
    except Exception as error:
        return f"no Denoiser ({type(error).__name__}: {one_line(error)})"
    if isinstance(output, Prediction) and output.x.shape == z.shape:
        return None
    returned = f"x of shape {tuple(output.x.shape)}" if isinstance(output, Prediction) else type(output).__name__
    return f"no Denoiser: it returned {returned} for z of shape {tuple(z.shape)}"


def refused(model: Any, method: Any, sampler: Any, steps: int, grid: Any) -> str | None:
    """Why the training that plays the model cannot be sampled like this, as a student of few steps; None if it can."""
    refuses = getattr(getattr(model, "objective", None), "refuses_sampling", None)
    return None if refuses is None else refuses(method, sampler, steps, grid)


SOURCES = {
    "train": Train,
    "exact": Exact,
    "implicit": Implicit,
    "guide": Guide,
    "checkpoint": Checkpoint,
    "snapshot": Snapshot,
    "post-hoc": PostHoc,
    "smaller": Smaller,
}


def as_source(given: Any) -> Any:
    """A source, or the one that {"is": its name, **its fields} stands for. ValueError for what plays nothing."""
    if isinstance(given, dict):
        if given.get("is") not in SOURCES:
            raise ValueError(f'say which source: {{"is": one of {", ".join(SOURCES)}, ...}}')
        return SOURCES[given["is"]](**{key: field for key, field in given.items() if key != "is"})
    if not hasattr(given, "play"):
        raise ValueError(f"{given!r} plays no role: give a Train, Exact, Checkpoint, Guide, or a value with `play`")
    return given


Source = Annotated[Any, BeforeValidator(as_source)]


def network_of(model: Any) -> nn.Module:
    """The module that a denoiser's evaluations are counted at."""
    return model if isinstance(model, nn.Module) else model.network
