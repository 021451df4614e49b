"""Samples outside a study: a model, a method, a sampler, labels; made at once, priced, and kept nowhere.

The same numbers as a study's: sample i of a seed has the same noise in both.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import model_validator
from torch import Tensor

from experiments import launch
from experiments.collectives import collected, mine
from experiments.fields import Count, DensityOf, GridOf, MethodOf, Positive, SamplerOf, Seed, Size, WorldOf
from experiments.graph.store import Store
from experiments.graph.value import encode, label, value
from experiments.levels import Levels, levels_of
from experiments.problems import Problem, one_line, out_of_memory
from experiments.tasks.meter import combined, meter
from experiments.tasks.roles import load_roles
from experiments.tasks.sources import Source, refused
from guidance.cost import NFE
from guidance.denoiser import Clipped
from guidance.grids import EvenInU
from guidance.methods import ROLES
from guidance.samplers import SAMPLERS
from guidance.sampling import own_noise
from guidance.sampling import sample as draw
from guidance.schedules import CosineLogSNR

GIVEN = ("levels", "noise", "ratios")  # roles that nobody has to bring


@value
class Sampling:
    """What is sampled: n samples whose labels are `labels` over and over (None: every class in turn).

    model: who plays it (Exact, Train, Checkpoint, ...); others: further roles by name. density: of lambda, whose ends and
    quantiles the grid takes (None: that of the training, or the paper's, cosine, over all lambdas of the model). clip: x is
    clipped to [-clip, clip] at every step (None: not at all). batch: samples per trajectory; rows: the most rows per call of the
    network. ValueError for a source of another world, labels that are none, a role that nobody plays, and a sampler that the
    method is not defined for.
    """

    name: ClassVar[str] = "sampling"
    world: WorldOf
    model: Source
    others: dict[str, Source] = field(default_factory=dict)
    method: MethodOf
    sampler: SamplerOf
    steps: Count = 32
    grid: GridOf = EvenInU()
    density: DensityOf | None = None
    seed: Seed = 0
    n: Size = 64
    labels: tuple[int, ...] | None = None
    clip: Positive | None = 1.0
    batch: Count = 64
    rows: Count | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "Sampling":
        for role, source in {"model": self.model, **self.others}.items():
            if (known := getattr(source, "world", self.world)) != self.world:
                raise ValueError(f"{role}: it is of the world {known.label}, and the samples are of {self.world.label}")
        for c in self.labels or ():
            if not 0 <= c < self.world.classes:
                raise ValueError(f"labels: {self.world.name} has the classes 0 to {self.world.classes - 1}, not {c}")
        if self.labels == ():
            raise ValueError("labels: give one or more, or none at all for every class in turn")
        if why := self.method.refuses(self.sampler):
            fitting = [name for name, sampler in SAMPLERS.items() if self.method.refuses(sampler()) is None]
            raise ValueError(f"{why}; samplers that it is defined for: {', '.join(fitting) or 'none'}")
        if why := refused(self.model, self.method, self.sampler, self.steps, self.grid):
            raise ValueError(why)
        if strange := sorted(set(self.others) - set(ROLES)):
            raise ValueError(f"others: there is no role {strange[0]!r}; known: {', '.join(ROLES)}")
        played = {"model", *GIVEN, *self.others} | (set(ROLES) if self.model.name == "exact" else set())
        if missing := [role for role in self.method.roles if role not in played]:
            give = f"give --role {missing[0]}=FOLDER, a training"
            raise ValueError(f"{self.method.name} needs the role {missing[0]}, {ROLES[missing[0]]}, which nobody plays: {give}")
        return self

    @property
    def label(self) -> Int[Tensor, " n"]:
        """The labels of all samples."""
        chosen = torch.tensor(range(self.world.classes) if self.labels is None else self.labels)
        return chosen[torch.arange(self.n) % len(chosen)]


@dataclass(frozen=True)
class Samples:
    """x (n, *shape) float32, images in [-1, 1]; label (n,); nfe: evaluations per sample; seconds of all; made: what made them, as
    JSON has it.
    """

    x: Float[Tensor, "n *shape"]
    label: Int[Tensor, " n"]
    nfe: NFE
    seconds: float
    made: dict[str, Any]


def samples(sampling: Sampling, device: str = "cpu", store: Store | None = None) -> Samples:
    """Draws them. store: where the runs of trainings lie, `runs` if None. Problem, in one line, for whatever goes wrong.

    In a launch (experiments.launch) each process draws some of the batches, and rank 0 alone has all; the others have none.
    """
    try:
        return _samples(sampling, device, store or Store(Path("runs")))
    except Problem:
        raise
    except Exception as error:  # a method or a network may fail in as many ways as there are authors
        title = f"{label(sampling.method)} with {label(sampling.sampler)}"
        if out_of_memory(error):
            raise Problem(f"{title}: memory is exhausted: set a smaller batch or rows") from error
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise Problem(f"{title}: {kind}{one_line(error)}") from error


def _samples(sampling: Sampling, device: str, store: Store) -> Samples:
    parts = collected(lambda: _drawn(sampling, device, store))
    if launch.rank():
        return Samples(torch.empty(0, *sampling.world.shape), sampling.label[:0], NFE(), 0.0, {})
    x, levels, price = torch.cat([x for x, _, _ in parts]), parts[0][1], combined([price for _, _, price in parts])
    if bad := int((~x.isfinite().flatten(1).all(1)).sum()):
        method = sampling.method
        raise Problem(f"{method.name} with w = {method.w:g}: {bad} of {sampling.n} samples are not finite: lower w, or set clip")
    nfe = NFE(**{name: price[name] for name in vars(NFE())}).per_sample(sampling.n)
    made = {
        **encode(sampling, expand=True, places=False),
        "logsnrs": levels,
        "nfe_per_sample": vars(nfe),
        "seconds": price["seconds"],
    }
    return Samples(x, sampling.label, nfe, price["seconds"], made)


def _drawn(sampling: Sampling, device: str, store: Store) -> tuple[Tensor, list[float], dict[str, float]]:
    """This rank's samples, the lambdas of the trajectory, and the price."""
    world, method = sampling.world, sampling.method
    roles = load_roles(sampling.model, sampling.others, method.roles, store, device, sampling.rows)
    known = levels_of(roles.of["model"], tuple(world.shape), device)
    levels = _levels(sampling, known)
    if "ratios" in method.roles:  # measured beforehand, outside the meter
        from guidance.methods.recfg import measure_ratios

        of = roles.of["model"]
        roles.of["ratios"] = measure_ratios(of, levels.tolist(), world.classes, world.shape, device=device)
    every, own = sampling.label.to(device), mine(sampling.n, sampling.batch)
    with meter(device, roles.denoiser, roles.classifiers, roles.weak) as price:
        parts = [torch.empty(0, *world.shape)]
        for first, end in pairwise([*range(own.start, own.stop, sampling.batch), own.stop]):
            indices = range(first, end)
            more = {"levels": tuple(levels.tolist()), "noise": own_noise(sampling.seed, indices, world.shape, device)}
            guided = method(**{role: (roles.of | more)[role] for role in method.roles})
            guided = Clipped(guided, -sampling.clip, sampling.clip) if sampling.clip else guided
            label = every[first:end]
            parts.append(draw(guided, sampling.sampler, levels, label, world.shape, sampling.seed, indices).cpu())
    return torch.cat(parts).float(), levels.tolist(), price


def _levels(sampling: Sampling, known: Levels) -> Float[Tensor, " steps"]:
    """The lambdas of the trajectory: those of the grid, moved to a chain's own where the model has no others."""
    density = sampling.density or getattr(getattr(sampling.model, "objective", None), "density", None)
    density = density or CosineLogSNR(known.low, known.high)
    if density.min < known.low - 1e-3 or density.max > known.high + 1e-3:
        raise Problem(
            f"density: [{density.min:g}, {density.max:g}] reaches beyond the model's lambdas, [{known.low:.4g}, {known.high:.4g}]"
        )
    levels = known.grid(sampling.grid(density, sampling.steps))
    if len(levels) < sampling.steps:
        raise Problem(f"steps: the model's chain has {len(levels)} levels near those of {sampling.steps} steps: set fewer")
    return levels
