"""The cells of one method under a protocol: a study like any other, whose values are the protocol's."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from experiments.benchmark.protocol import Protocol, WorldRules
from experiments.features.protocol import Protocol as Drawn
from experiments.fields import Name
from experiments.graph.store import Store
from experiments.graph.value import encode, value
from experiments.problems import Problem
from experiments.shipped import shipped
from experiments.studies.by_world import ByWorld
from experiments.studies.study import TABLE, Placed, failures_of, tables_of
from experiments.studies.sweep import Curve, Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.judge import Judge
from experiments.tasks.real_features import StoredFeatures
from experiments.tasks.sources import Exact, shipped_source

JUDGE = "convnext"  # as the study `fashion` calls the second network that measures
ROLES = ("model", "classifier", "weak", "evaluator")  # of networks that ship


@value
class MethodCells(ByWorld):
    """protocol: its JSON. methods: by world, a method with its strengths there, w = 0 among them."""

    report: ClassVar[str] = "benchmark"
    name: Name
    protocol: dict[str, Any]
    methods: Annotated[dict[str, Curve], Field(min_length=1)]

    @model_validator(mode="after")
    def within(self) -> "MethodCells":
        """ValueError for a world, or for strengths, that the protocol does not have, and for a method that cannot run there."""
        rules = self.of.rules.worlds
        for world, curve in self.methods.items():
            if world not in rules:
                raise ValueError(f"methods: {self.of.title} has no world {world!r}: it has {', '.join(rules)}")
            if why := wrong_strengths(curve.ws or (), rules[world]):
                raise ValueError(f"methods.{world}: {why}")
        self.worlds  # noqa: B018  refuses what cannot run
        return self

    @cached_property
    def of(self) -> Protocol:
        """The protocol."""
        return Protocol(self.protocol)

    @property
    def title(self) -> str:
        """What the page is headed by."""
        return f"{', '.join(dict.fromkeys(curve.label for curve in self.methods.values()))} under {self.of.label}"

    @cached_property
    def worlds(self) -> dict[str, TradeOff]:
        """The study of each world."""
        return {world: study_of(self.of.rules.worlds[world], curve) for world, curve in self.methods.items()}

    def cells(self) -> Iterator[Placed]:
        """Those of the method alone; every row says which protocol it was made under."""
        for placed in super().cells():
            if placed.table == TABLE and placed.place["steps"]:
                yield placed._replace(place={**placed.place, "protocol": self.of.label})

    def results(self, store: Store, device: str = "cpu") -> Any:
        found, cells = super().results(store, device), list(self.cells())
        table = tables_of(cells, store).get(TABLE, found.table.iloc[:0])  # without baselines that another study left in the store
        values = {**encode(self, expand=True), "label": self.of.label}
        return replace(found, table=table, failed=failures_of(cells, store), values=values)


def study_of(rules: WorldRules, curve: Curve) -> TradeOff:
    """One method in one world, as the rules say. Problem where a file that ships is another one than the protocol's."""
    world = rules.world
    own = {
        "world": world,
        "density": rules.density,
        "methods": (curve,),
        "sweeps": (Sweep(sampler=rules.sampler, steps=rules.steps, ws=curve.ws, grid=rules.grid),),
        "sample_seeds": rules.sample_seeds,
        "n": rules.n,
        "part": rules.n,
        "clip": rules.clip,
        "batch": rules.batch,
        "protocol": Drawn(labels=rules.labels),
    }
    if world.exact:
        return TradeOff(name=world.label, oracle=Exact(world=world), **own)
    held = shipped(world.name)
    for role, digest in rules.files.items():
        if role not in held or held[role][1] != digest:
            raise Problem(f"{world.label}: the {role} that ships with this package is not the protocol's (sha256 {digest[:12]})")
    networks = {role: shipped_source(world, role) for role in ROLES if role in rules.files}
    judges = ()
    if "judge" in rules.files:
        judges = (Judge(called=JUDGE, classifier=shipped_source(world, "judge"), real=stored(world, "judge_real")),)
    return TradeOff(name=world.label, real=stored(world, "real"), judges=judges, **networks, **own)


def stored(world: Any, name: str) -> StoredFeatures:
    """Features of real images that ship with the package."""
    file, digest = shipped(world.name)[name]
    return StoredFeatures(world=world, file=file, sha256=digest)


def wrong_strengths(ws: tuple[float, ...], rules: WorldRules) -> str | None:
    """Why a method may not have these strengths in this world; None if it may."""
    if 0.0 not in ws:
        return "w = 0, the plain model, is missing among the strengths"
    if len(ws) > rules.strengths:
        return f"{len(ws)} strengths, and the protocol allows {rules.strengths}, w = 0 among them"
    return None
