"""A task is a value that is run: its fields are values and other tasks, so that a task is the whole graph behind it."""

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
    """Base of every task, which is also a `value`: `run` fills an empty folder, once.

    version: raised when `run` changes its meaning for the same values. files: what the folder contains when it is done.
    clocked: those among them that depend on a clock; no other task depends on them.
    derived: made anew without asking whenever something of it has changed, from the parents that did not fail (a
    report). played: tasks that depend on this one run its code too, as that of a network that is loaded again.
    """

    version: ClassVar[int] = 1
    files: ClassVar[tuple[str, ...]] = ()
    clocked: ClassVar[tuple[str, ...]] = ()
    derived: ClassVar[bool] = False
    played: ClassVar[bool] = False
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # every task is a `value`

    def run(self, folder: Path, store: "Store", device: str) -> None:
        """Writes `files` into `folder`. Parents are found by `store.open`."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """The first part of the address."""
        return re.sub("[^a-z0-9]+", "-", name_of(self).lower())

    @property
    def title(self) -> str:
        """Its name in progress bars and errors."""
        return self.address

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the address is made of: the kind, its version, the values that matter and the parents' addresses."""
        return {"kind": self.kind, "version": self.version, "values": encode_fields(self, whole=False)}

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every value, a parent as its address."""
        return encode_fields(self, whole=True)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The values that a run must have been made with: all but where that lies which is known by its content."""
        return encode_fields(self, whole=True, places=False)

    @cached_property
    def address(self) -> str:
        """`<kind>-<digest>`: equal values and ancestors, equal address."""
        return f"{self.kind}-{digest(self.identity)}"

    @cached_property
    def parents(self) -> "tuple[Task, ...]":
        """The tasks among the values, each once."""
        found = {task.address: task for f in dataclasses.fields(self) for task in tasks_in(getattr(self, f.name))}
        return tuple(found.values())

    @cached_property
    def code(self) -> Mapping[str, str]:
        """The digest of every module that its result depends on."""
        return fingerprint(classes_in(self))

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what is worked out of them is not sent to another process."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def tasks_in(held: Any) -> Iterator[Task]:
    """The tasks in a value, not those inside tasks."""
    if isinstance(held, Task):
        yield held
    elif isinstance(held, dict):
        for one in held.values():
            yield from tasks_in(one)
    elif isinstance(held, (tuple, list)):
        for one in held:
            yield from tasks_in(one)
    elif dataclasses.is_dataclass(held) and not isinstance(held, type):
        for field in dataclasses.fields(held):
            yield from tasks_in(getattr(held, field.name))


def classes_in(held: Any) -> Iterator[type]:
    """The class of a value and of every value in it, but not inside tasks unless they are `played`; and what `rests_on` adds."""
    if isinstance(held, dict):
        for one in held.values():
            yield from _classes_below(one)
    elif isinstance(held, (tuple, list)):
        for one in held:
            yield from _classes_below(one)
    elif dataclasses.is_dataclass(held) and not isinstance(held, type):
        yield type(held)
        if hasattr(held, "rests_on"):
            yield from held.rests_on()
        for field in dataclasses.fields(held):
            yield from _classes_below(getattr(held, field.name))


def _classes_below(held: Any) -> Iterator[type]:
    return classes_in(held) if not isinstance(held, Task) or held.played else iter(())
