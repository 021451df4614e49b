"""The inputs and the code of a run, compared with the current ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """values: every value of the task. code: the digest of each module. parents: the seal of each parent's run by address."""

    values: Mapping[str, Any]
    code: Mapping[str, str]
    parents: Mapping[str, str]

    def changes(self, now: "Origin", derived: bool = False) -> Iterator[str]:
        """Each reason why the result would differ now, worded to follow "was". A parent that no longer exists is a reason only
        if the run is `derived`: it would be made without that parent.
        """
        for name, before, after in differences(self.values, now.values):
            yield f"made with {name} = {before!r}, which is {after!r} now"
        if self.code != now.code:
            changed = sorted(name for name in {*now.code, *self.code} if now.code.get(name) != self.code.get(name))
            more = f" and {len(changed) - 3} more files" if len(changed) > 3 else ""
            yield f"made by a different version of {', '.join(changed[:3])}{more}"
        if self.parents != now.parents:
            yield from (f"made from a different {name}" for name, seal in now.parents.items() if self.parents.get(name) != seal)
            gone = [name for name in self.parents if derived and name not in now.parents]
            yield from (f"made from {name}, which no longer exists" for name in gone)

    def as_json(self) -> dict[str, Any]:
        return {"values": self.values, "code": dict(self.code), "parents": dict(self.parents)}


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, value before, value after) of every entry that exists in both and differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() & after.keys():
            yield from differences(before[key], after[key], f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after)):
            yield from differences(old, new, f"{path}.{index}")
    elif before != after:
        yield path, before, after
