"""A task is a value that can be run: its fields are values and other tasks, so it contains the whole graph that it depends on."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.graph.fingerprint import fingerprint
from experiments.graph.value import digest, encode_fields, name_of

if TYPE_CHECKING:
    from experiments.graph.store import Store


class Task:
    """Base class of all tasks, which are also decorated with `value`: `run` fills an empty folder, once.

    version: increased when `run` changes its meaning for the same values. files: files that `run` must write.
    clocked: those of them that depend on a clock; no other task depends on them.
    derived: made again, without asking the user, whenever its inputs or code have changed, from the parents that did not fail
    (a report). played: tasks that depend on this one also run its code, such as that of a network that they load.
    shared: in a launch of several processes (experiments.launch) every one runs it, and rank 0 alone writes `files`.
    """

    version: ClassVar[int] = 1
    files: ClassVar[tuple[str, ...]] = ()
    clocked: ClassVar[tuple[str, ...]] = ()
    derived: ClassVar[bool] = False
    played: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # every task is decorated with `value`

    def run(self, folder: Path, store: "Store", device: str) -> None:
        """Writes `files` into `folder`. `store.open(parent)` is the folder of a parent."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """The first part of the address."""
        return re.sub("[^a-z0-9]+", "-", name_of(self).lower())

    @property
    def title(self) -> str:
        """The name in progress bars and errors."""
        return self.address

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What determines the address: the kind, its version, the identifying values and the addresses of the parents."""
        return {"kind": self.kind, "version": self.version, "values": encode_fields(self, whole=False)}

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every value, with parents as addresses."""
        return encode_fields(self, whole=True)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The values that a run must have been made with: all but where that lies which is known by its content."""
        return encode_fields(self, whole=True, places=False)

    @cached_property
    def address(self) -> str:
        """`<kind>-<digest>`: equal for equal values and ancestors."""
        return f"{self.kind}-{digest(self.identity)}"

    @cached_property
    def parents(self) -> "tuple[Task, ...]":
        """The tasks among the values, each once."""
        tasks = {task.address: task for f in dataclasses.fields(self) for task in tasks_in(getattr(self, f.name))}
        return tuple(tasks.values())

    @cached_property
    def code(self) -> Mapping[str, str]:
        """The digest of every module that the result depends on."""
        return fingerprint(classes_in(self))

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: cached properties are not sent to other processes."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def tasks_in(item: Any) -> Iterator[Task]:
    """The tasks in a value, without those inside tasks."""
    if isinstance(item, Task):
        yield item
    elif isinstance(item, dict):
        for entry in item.values():
            yield from tasks_in(entry)
    elif isinstance(item, (tuple, list)):
        for entry in item:
            yield from tasks_in(entry)
    elif dataclasses.is_dataclass(item) and not isinstance(item, type):
        for field in dataclasses.fields(item):
            yield from tasks_in(getattr(item, field.name))


def classes_in(item: Any) -> Iterator[type]:
    """The classes of a value, of every value in it except inside tasks that are not `played`, and of what `rests_on` adds."""
    if isinstance(item, dict):
        for entry in item.values():
            yield from _classes_below(entry)
    elif isinstance(item, (tuple, list)):
        for entry in item:
            yield from _classes_below(entry)
    elif dataclasses.is_dataclass(item) and not isinstance(item, type):
        yield type(item)
        if hasattr(item, "rests_on"):
            yield from item.rests_on()
        for field in dataclasses.fields(item):
            yield from _classes_below(getattr(item, field.name))


def _classes_below(item: Any) -> Iterator[type]:
    return classes_in(item) if not isinstance(item, Task) or item.played else iter(())
