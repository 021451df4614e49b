"""A network fitted to a world by an objective: every training is this one task."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, ValidatorFunctionWrapHandler, WrapValidator, model_validator
from torch import nn

from analysis.files import write_atomically
from experiments import launch
from experiments.collectives import mine
from experiments.fields import Count, NetworkOf, ObjectiveOf, TrainingSeed, WorldOf
from experiments.graph.files import read_json, write_json
from experiments.graph.following import one_fate
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.networks import seeded
from experiments.objectives.batches import to
from experiments.problems import Failed, Problem
from experiments.tasks.begin import Weights, begin_with, load_state, require_alike, weights_of
from experiments.tasks.early_stopping import EarlyStopping, split_validation
from experiments.tasks.fit import Fit, fit, weights
from experiments.tasks.power_ema import combined
from experiments.worlds.world import Labelled, data
from guidance.seeding import generator


def beginning(given: Any, weights: ValidatorFunctionWrapHandler) -> Any:
    """The training that `given` is or describes; all else as weights."""
    if isinstance(given, dict) and given.get("is") == Train.name:
        return Train(**{key: held for key, held in given.items() if key != "is"})
    return given if isinstance(given, Train) else weights(given)


@value
class Train(Task):
    """What is trained, on what, towards what, and from which seed.

    begin: the weights that it begins with (experiments.tasks.begin), or another training, a parent, with whose it begins; None:
    random ones of the seed. n_test: the first so many test images are those of its metrics (None: all).
    """

    name: ClassVar[str] = "train"
    files: ClassVar[tuple[str, ...]] = ("model.safetensors", "metrics.json", "log.json")
    played: ClassVar[bool] = True
    world: WorldOf
    network: NetworkOf
    objective: ObjectiveOf
    fit: Fit
    seed: TrainingSeed = 0
    begin: Annotated[
        Weights | None,
        BeforeValidator(lambda given: weights_of(given) if isinstance(given, str) else given),
        WrapValidator(beginning),
    ] = None
    n_test: Count | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "Train":
        if self.fit.patience and not hasattr(self.objective, "validation_loss"):
            raise ValueError("fit.patience: only a noise-aware classifier stops early; leave it out")
        if not self.world.trains:
            raise ValueError(f"world: {self.world.label} has nothing to train networks on")
        if isinstance(self.begin, Train):
            require_alike(self.begin, self)
        if self.begin is not None and hasattr(self.objective, "opened"):
            raise ValueError("begin: a student begins with the weights of its teacher; leave it out")
        if hasattr(self.objective, "refuses") and (why := self.objective.refuses(self.world, self.network)):
            raise ValueError(why)
        return self

    @property
    def kind(self) -> str:
        return KINDS.get(self.objective.name, self.objective.name)

    @property
    def title(self) -> str:
        return f"{getattr(self.objective, 'title', self.kind)} {self.seed}"

    @property
    def shared(self) -> bool:
        """Whether ranks take rows of a batch each. Rank 0 trains what looks at a whole batch alone."""
        return by_rows(self.objective, self.module())

    def run(self, folder: Path, store: Store, device: str) -> None:
        with one_fate():
            objective = self.opened(store, device)
            module, dataset, ema, log, stopping = self._fitted(objective, store, device)
        if launch.rank():
            return
        module.load_state_dict(ema)
        with torch.no_grad():
            tested = replace(dataset, test=dataset.test.subset(slice(self.n_test)))
            write_json(folder / "metrics.json", objective.test_metrics(module.eval(), tested, self.world, device))
        write_atomically(folder / "model.safetensors", weights(ema))
        for name in self.fit.kept:
            write_atomically(folder / name, (store.partial(self) / name).read_bytes())
        looks = {"validation_nll": stopping.looks} if stopping else {}
        write_json(folder / "log.json", {"loss": log} | looks)

    def opened(self, store: Store | None, device: str) -> Any:
        """The objective, that of a student with its teacher loaded. Problem if the run of the teacher is not whole."""
        return self.objective.opened(store, device) if hasattr(self.objective, "opened") else self.objective

    def _fitted(self, objective: Any, store: Store, device: str) -> tuple[Any, ...]:
        """module, data, the average of its weights (on rank 0), the loss of every step, and what may have stopped it early."""
        dataset = data(self.world)
        images, validation = split_validation(dataset.train, self.fit.patience)
        module = self.module()
        if self.begin is not None:
            begin_with(module, self.begin, self, store)
        if objective is not self.objective:
            objective.begin(module)
        module.to(device)
        parts = self._parts(module)
        stopping = self._stopping(module, validation, device) if self.fit.patience else None

        def losses(g: torch.Generator) -> torch.Tensor | Iterable[torch.Tensor]:
            if parts is not None:
                return self._losses_by_parts(objective, module, images, parts, g, device)
            with autocast(self.fit, device):
                return objective.losses(module, images, self.world, self.fit.batch, g, device)

        stream = partial(generator, f"train {self.objective.name}", self.seed)
        keep = getattr(self.objective, "keep_average", None)
        averaged = None if keep is None else partial(keep, module)
        ema, log = fit(module, losses, self.fit, stream, store.partial(self), self.title, stopping, averaged)
        return module, dataset, ema, log, stopping

    def _parts(self, module: nn.Module) -> list[slice] | None:
        """The rows of a batch that are this rank's, as many at a time as `fit.rows` allows. None: the batch is not cut."""
        if not by_rows(self.objective, module) and self.fit.rows is not None:
            raise Failed(f"{self.title}: its layers or losses look at a whole batch, which cannot be cut: leave fit.rows out")
        if launch.size() == 1 and self.fit.rows is None:
            return None
        if not (own := mine(self.fit.batch)):
            raise Failed(f"{self.title}: a batch of {self.fit.batch} has no row for each of {launch.size()} processes")
        size = self.fit.rows or len(own)
        return [slice(first, min(first + size, own.stop)) for first in range(own.start, own.stop, size)]

    def _losses_by_parts(
        self, objective: Any, module: nn.Module, images: Labelled, parts: list[slice], g: torch.Generator, device: str
    ) -> Iterator[torch.Tensor]:
        drawn = objective.draw(images, self.world, self.fit.batch, g)  # all rows, so that they are those of one process
        for part in parts:
            with autocast(self.fit, device):
                losses = objective.losses_of(module, self.world, *to(device, *(rows[part] for rows in drawn)))
            yield losses

    def rows(self, store: Store) -> Iterator[dict[str, Any]]:
        """metric, logsnr (NaN of a classifier of clean images), value on the test set."""
        for metric, recorded in read_json(store.open(self) / "metrics.json").items():
            for logsnr, number in recorded.items() if isinstance(recorded, dict) else [("nan", recorded)]:
                yield {"metric": metric, "logsnr": float(logsnr), "value": number}

    def of_seed(self, seed: int, density: Any) -> "Train":
        """The same from a further seed, added to its own, and over a density of lambda where its objective has one."""
        objective = self.objective
        if hasattr(objective, "of_seed"):
            objective = objective.of_seed(seed, density)
        elif hasattr(objective, "density"):
            objective = replace(objective, density=density)
        begin = self.begin.of_seed(seed, density) if isinstance(self.begin, Train) else self.begin
        return replace(self, seed=self.seed + seed, objective=objective, begin=begin)

    def module(self) -> nn.Module:
        """The network, untrained, its random weights those of the seed."""
        with seeded(self.seed):
            return self.objective.build(self.network, self.world)

    def load(self, store: Store, device: str, files: Mapping[str, float] | None = None) -> nn.Module:
        """The trained network, in evaluation mode and frozen; of the sum of the weights in `files` of the run, each times its
        number (None: as training ended). Problem if the run is not whole.
        """
        module, folder = self.module(), store.open(self)
        states = []
        for file in files or {"model.safetensors": 1.0}:
            load_state(module, folder / file)
            if len(files or ()) > 1:
                states.append({name: held.clone() for name, held in module.state_dict().items()})
        if files and states:
            module.load_state_dict(combined(states, list(files.values())))
        return module.to(device).eval().requires_grad_(False)

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        """The roles of methods that it plays as `role`."""
        return self.objective.play(role, self.load(store, device), self.world, rows)

    def dry_run(self) -> None:
        """Builds the network and evaluates it on two samples. ValueError in one line where it cannot take them."""
        try:
            module = self.module()
            self._parts(module)
            module(*self.objective.trial(self.world)).sum().backward()
        except Problem:
            raise
        except Exception as error:  # timm's models fail in as many ways as there are authors
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            arch, size = getattr(self.network, "arch", None), getattr(self.network, "size", None)
            raise ValueError(
                reason if arch is None or arch in reason else f"{arch} cannot take images of {size} x {size}: {reason}"
            ) from error

    def _stopping(self, module: nn.Module, validation: Labelled, device: str) -> EarlyStopping:
        def loss(state: dict[str, torch.Tensor]) -> float:
            return self.objective.validation_loss(module, validation, state, device)

        return EarlyStopping(loss, self.fit.look_every, self.fit.patience)


def by_rows(objective: Any, module: nn.Module) -> bool:
    """Whether the losses of a batch may be worked out in parts: no objective or layer (batch normalisation) looks at all rows."""
    of_batches = any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in module.modules())
    return getattr(objective, "by_rows", False) and not of_batches


def autocast(config: Fit, device: str) -> Any:
    """The context in which the network is evaluated."""
    kind = torch.device(device).type
    return nullcontext() if config.precision == "float32" else torch.autocast(kind, torch.bfloat16)


KINDS = {
    "denoising": "denoiser",
    "paired-denoising": "denoiser",
    "noisy-cross-entropy": "classifier",
    "cross-entropy": "evaluator",
}


def load_test_set(world: Any, n: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """x (n, *shape) in float32 and label (n,) of the first n test images of a world."""
    images = data(world).test
    return images.x[:n].to(device), images.label[:n].to(device)
