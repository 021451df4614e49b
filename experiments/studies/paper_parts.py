"""What the studies of a paper's figures are made of: trade-offs of several models, in one table under names of their own."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.studies.beside import NO_TRAINING, networks
from experiments.studies.by_world import joined
from experiments.studies.study import TABLE, Placed, Study
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.train import Train

BASELINES = ("real", "tilted draws")  # rows that no method made: the same in every part


class Part(NamedTuple):
    """A trade-off, what is added to the names of its methods, what is added to its w, and what its networks are called."""

    study: TradeOff
    of: str = ""
    shift: float = 0.0
    names: Mapping[str, str] = {}

    def placed(self, place: dict[str, Any]) -> dict[str, Any]:
        """Where a row of the part stands in the joint table."""
        if "method" in place and place["method"] not in BASELINES:
            return {**place, "method": place["method"] + self.of, "w": place["w"] + self.shift}
        if "network" in place:
            return {**place, "network": self.names[place["network"]]}
        return place

    def results(self, store: Store, device: str) -> Any:
        """Its results, under the names that it has in the joint table."""
        found = self.study.results(store, device)
        return dataclasses.replace(
            found,
            table=self._frame(found.table),
            tables={name: self._frame(frame) for name, frame in found.tables.items()},
            cells=[dataclasses.replace(cell, method=cell.method + self.of, w=cell.w + self.shift) for cell in found.cells],
            families={label + self.of: family for label, family in found.families.items()},
        )

    def _frame(self, frame: Any) -> Any:
        if "method" in frame:
            made = ~frame["method"].isin(BASELINES)
            method = frame["method"].where(~made, frame["method"] + self.of)
            return frame.assign(method=method, w=frame["w"] + self.shift * made)
        if "network" in frame:
            return frame.assign(network=frame["network"].map(self.names))
        return frame


class OfParts(Study):
    """Base of the studies that draw a paper's figures. title: of their page."""

    title: ClassVar[str]
    name: str
    base: TradeOff

    @property
    def parts(self) -> list[Part]:
        raise NotImplementedError

    @property
    def named(self) -> list[Part]:
        """The parts with the names of their networks: each network of a training seed has its part's words added, but one that an
        earlier part has in the same role keeps the name that it has there, so that it stands in a table once."""
        known: dict[tuple[str, str], str] = {}
        parts = []
        for part in self.parts:
            names: dict[str, str] = {}
            for _, place, task in networks(part.study):
                if "network" in place:
                    name, own = place["network"], "" if place["train_seed"] == NO_TRAINING else part.of
                    names.setdefault(name, known.setdefault((name, task.address), name + own))
            parts.append(part._replace(names=names))
        return parts

    def cells(self) -> Iterator[Placed]:
        """Of every part, each place once: the baselines and the evaluator belong to all."""
        seen = set()
        for part in self.named:
            for table, place, task in part.study.cells():
                place = part.placed(place)
                if (key := (table, tuple(place.items()), task.address)) not in seen:
                    seen.add(key)
                    yield Placed(table, place, task)

    def results(self, store: Store, device: str = "cpu") -> Any:
        everything = joined([part.results(store, device) for part in self.named])
        return dataclasses.replace(
            everything,
            name=self.name,
            title=f"{self.title}: {self.base.world.label}",
            table=everything.table.drop_duplicates(ignore_index=True),
            tables={name: frame.drop_duplicates(ignore_index=True) for name, frame in everything.tables.items()},
            values=encode(self, expand=True),
        )

    def describe(self) -> str:
        """Trainings and cells, each once."""
        tasks = {placed.task.address: placed for placed in self.cells()}.values()
        trained = [placed.task for placed in tasks if isinstance(placed.task, Train)]
        sampled = sum(placed.table == TABLE and placed.place["method"] not in BASELINES for placed in tasks)
        steps = sum(training.fit.steps for training in trained)
        words = f"{len(trained)} trainings of {steps:,} steps in all, " if trained else ""
        return f"study {self.name} of {self.base.world.label}: {words}{sampled} cells of {self.base.n:,} samples"


def require_images(base: TradeOff) -> None:
    """ValueError for a world that is judged by its exact density: the papers' numbers are of features of images."""
    if base.evaluator is None:
        raise ValueError(
            f"base: the papers' tables hold FID and Inception scores of images, and {base.world.label} is judged by its exact "
            "density: take a world with an evaluator, as digits"
        )
