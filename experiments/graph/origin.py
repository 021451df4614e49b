"""The inputs and the code of a run, compared with what they are now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """values: of the task, all of them. code: the digest of each module. parents: the seals of their runs by address."""

    values: Mapping[str, Any]
    code: Mapping[str, str]
    parents: Mapping[str, str]

    def changes(self, now: "Origin", derived: bool = False) -> Iterator[str]:
        """Each reason why the result would differ now, as what follows "was". A parent that is gone is none,
        unless the run is `derived`: it would be made without it.
        """
        for name, then, new in differences(self.values, now.values):
            yield f"made with {name} = {then!r}, which is {new!r} now"
        if self.code != now.code:
            changed = sorted(name for name in {*now.code, *self.code} if now.code.get(name) != self.code.get(name))
            more = f" and {len(changed) - 3} files more" if len(changed) > 3 else ""
            yield f"made by another {', '.join(changed[:3])}{more}"
        if self.parents != now.parents:
            yield from (f"made of another {name}" for name, seal in now.parents.items() if self.parents.get(name) != seal)
            yield from (f"made of {name}, which is gone" for name in self.parents if derived and name not in now.parents)

    def as_json(self) -> dict[str, Any]:
        return {"values": self.values, "code": dict(self.code), "parents": dict(self.parents)}


def differences(then: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, value then, value now) of everything that both have, with different values."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in then.keys() & now.keys():
            yield from differences(then[key], now[key], f"{path}.{key}" if path else key)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (old, new) in enumerate(zip(then, now)):
            yield from differences(old, new, f"{path}.{index}")
    elif then != now:
        yield path, then, now
