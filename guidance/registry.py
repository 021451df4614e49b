"""Names and what they stand for: entries of this package, and of others by entry point, loaded when they are first asked for.

A package adds its own with, in its pyproject.toml,  [project.entry-points."guidance_bench.<kind>"]  name = "module:object".
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class Unknown(KeyError, ValueError):
    """A name that stands for nothing, with the nearest ones that do."""

    def __str__(self) -> str:
        return self.args[0]


class Registry(Mapping[str, Any]):
    """`registry[name]`: an entry of this package, or the object that an entry point of the group `guidance_bench.<kind>` names.

    own: entries by name, an object or "module:object". aliases: other names of entries, found when they are asked for and listed
    nowhere; an entry of that name comes first. check: raises ValueError, saying what is wrong, for an object that cannot
    be of this registry. Unknown is raised for a name that is not there, ImportError for an entry point that cannot be loaded,
    ValueError for one whose name is taken. Iteration skips those that cannot be loaded: `broken` says why, by name.
    """

    def __init__(
        self,
        kind: str,
        own: Mapping[str, Any],
        check: Callable[[Any], None] = lambda found: None,
        aliases: Mapping[str, str] | None = None,
    ):
        self.kind, self.own, self.check, self.aliases = kind, dict(own), check, dict(aliases or {})
        self._loaded: dict[str, Any] = {}

    @property
    def group(self) -> str:
        """The entry points' group."""
        return f"guidance_bench.{self.kind}"

    @cached_property
    def others(self) -> dict[str, list[EntryPoint]]:
        """The entry points of other packages by name."""
        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self.group):
            found.setdefault(entry.name, []).append(entry)
        return found

    def __getitem__(self, name: str) -> Any:
        name = self._resolved(name)
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return (name := self._resolved(name)) in self.own or name in self.others

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if name not in self.broken)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def names(self) -> list[str]:
        """Every name, those that cannot be loaded too; nothing is loaded for it."""
        return [*self.own, *(name for name in sorted(self.others) if name not in self.own)]

    @cached_property
    def broken(self) -> dict[str, str]:
        """Why an entry point cannot be used, by its name. Loads those of other packages."""
        why = {}
        for name in self.others:
            try:
                self[name]
            except (ImportError, ValueError) as error:
                why[name] = str(error)
        return why

    def _resolved(self, name: Any) -> Any:
        """The name of the entry that `name` is an alias of, or `name`."""
        return self.aliases[name] if name in self.aliases and name not in self.own and name not in self.others else name

    def _load(self, name: str) -> Any:
        entries = self.others.get(name, [])
        if name not in self.own and not entries:
            near = [repr(one) for one in difflib.get_close_matches(str(name), [*self.names, *self.aliases], n=3)]
            nearest = " or ".join([", ".join(near[:-1]), near[-1]] if near[1:] else near)
            known = f"did you mean {nearest}?" if near else f"known: {', '.join(self.names)}"
            raise Unknown(f"there is no {singular(self.kind)} {name!r}; {known}")
        if len(entries) + (name in self.own) > 1:
            places = [*(["this package"] if name in self.own else []), *(entry.value for entry in entries)]
            raise ValueError(f"{self.group} has {name!r} {len(places)} times, from {' and '.join(places)}: uninstall one")
        found = _object(self.own[name]) if name in self.own else self._of_others(entries[0])
        return found

    def _of_others(self, entry: EntryPoint) -> Any:
        where = f"the entry point {entry.name} = {entry.value} of {self.group}"
        try:
            found = entry.load()
        except (Exception, SystemExit) as error:  # somebody's module may fail in any way
            said = " ".join(str(error).split())[:300]
            raise ImportError(f"{where} cannot be loaded ({type(error).__name__}: {said}): mend or uninstall it") from error
        try:
            self.check(found)
        except ValueError as error:
            raise ValueError(f"{where} {error}") from error
        own = getattr(found, "name", None) if isinstance(found, type) else None
        if isinstance(own, str) and own != entry.name:
            raise ValueError(f"{where} is a class of another name, {own!r}: a run would not find it again")
        return found


def _object(entry: Any) -> Any:
    """An entry of this package; "module:object" is imported."""
    if not isinstance(entry, str):
        return entry
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)


def singular(kind: str) -> str:
    """What one entry of a registry is called."""
    return kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s")
