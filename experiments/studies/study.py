"""What every study is: a value whose `cells` say what is to be computed and which table its rows belong to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from experiments.graph.files import read_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import digest, encode, value
from experiments.tasks.sample import Sample
from guidance.methods import METHODS
from guidance.methods.method import Method

if TYPE_CHECKING:
    import pandas as pd

TABLE = "table"  # the tidy one


class Placed(NamedTuple):
    """A task, the table that its rows belong to, and what every one of them begins with."""

    table: str
    place: dict[str, Any]
    task: Any


class Study:
    """Base of every study, which is also a `value`. A package brings its own by the entry point guidance_bench.studies.

    name: the first part of its folder's. report: which of analysis.reports.REPORTS draws it.
    """

    name: str
    report: ClassVar[str]

    def cells(self) -> Iterator[Placed]:
        """Everything that is computed, in the order of the tables."""
        raise NotImplementedError

    def results(self, store: Store, device: str = "cpu") -> Any:
        """analysis.results.Results of the runs that exist."""
        raise NotImplementedError

    def describe(self) -> str:
        """What is about to be computed, in one or a few lines."""
        raise NotImplementedError


@value
class Report(Task):
    """Table, figures and page of a study: made anew whenever a cell has changed, from the cells that could be made."""

    derived: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("table.csv", "summary.csv", "report.html", "summary.txt")
    study: Any

    @property
    def kind(self) -> str:
        return self.study.name

    @property
    def title(self) -> str:
        return f"report of {self.study.name}"

    @cached_property
    def identity(self) -> dict[str, Any]:
        study_values = encode(self.study, whole=False, expand=True)
        return {"kind": self.kind, "version": self.version, "values": {"study": study_values}}

    @cached_property
    def values(self) -> dict[str, Any]:
        return {"study": encode(self.study, expand=True)}

    @cached_property
    def inputs(self) -> dict[str, Any]:
        return {"study": encode(self.study, expand=True, places=False)}

    @cached_property
    def address(self) -> str:
        return f"{self.kind}-{digest(self.identity)}"

    @cached_property
    def parents(self) -> tuple[Task, ...]:
        return tuple({placed.task.address: placed.task for placed in self.study.cells()}.values())

    def run(self, folder: Path, store: Store, device: str) -> None:
        from analysis.files import write_atomically
        from analysis.reports import REPORTS
        from experiments.studies.command import command_of

        report = REPORTS[self.study.report](replace(self.study.results(store, device), command=command_of(self.study)))
        report.write(folder)
        write_atomically(folder / "summary.txt", report.summary_text.encode())


def shared(samples: Sample) -> Sample:
    """At w = 0 the samples of classifier-free guidance without any guide, for every method: all are the plain model there.

    That is a law of theirs, which guidance.methods.Method keeps; a method that is called in a way of its own is left alone.
    """
    method = samples.method
    if method.w != 0 or type(method).__call__ is not Method.__call__:
        return samples
    return replace(samples, method=METHODS["classifier-free"](w=0.0), others={})


def tables_of(cells: Sequence[Placed], store: Store) -> dict[str, "pd.DataFrame"]:
    """Every table of the cells that exist, one row per number."""
    import pandas as pd

    rows: dict[str, list[dict[str, Any]]] = {}
    for table, place, task in cells:
        if store.path(task).is_dir():
            rows.setdefault(table, []).extend({**place, **row} for row in task.rows(store))
    frames = {table: pd.DataFrame(records) for table, records in rows.items()}
    # w is None for real data: NaN in a float column
    return {table: frame.astype({"w": float}) if "w" in frame else frame for table, frame in frames.items()}


def samples_of(cells: Sequence[Placed], store: Store) -> list[Any]:
    """analysis.results.Cell of every set of samples in the tidy table that a method made."""
    from analysis.results import Cell

    sampled: dict[tuple, Cell] = {}
    for table, place, task in cells:
        samples = getattr(task, "samples", None)
        if table == TABLE and isinstance(samples, Sample) and store.path(samples).is_dir():
            key = tuple(place[name] for name in ("world", "train_seed", "method", "w", "sampler", "steps", "seed"))
            if key not in sampled:
                path = store.open(samples)
                sha, provenance = read_json(path / "cost.json")["float32_sha256"], read_json(path / "provenance.json")
                sampled[key] = Cell(*key, draw=partial(samples.images, store), sha256=sha, device=provenance["device"])
    return list(sampled.values())


def failures_of(cells: Sequence[Placed], store: Store) -> dict[str, str]:
    """Why each missing task failed, by its title."""
    from experiments.graph.run import everything

    tasks = everything([placed.task for placed in cells])
    return {task.title: why for task in tasks if not store.path(task).is_dir() and (why := store.failure(task))}


def provenance_of(cells: Sequence[Placed], store: Store) -> Mapping[str, Any]:
    """The provenance of the first set of samples that exists."""
    for placed in cells:
        samples = getattr(placed.task, "samples", None)
        if isinstance(samples, Task) and store.path(samples).is_dir():
            return read_json(store.path(samples) / "provenance.json")
    return {}
