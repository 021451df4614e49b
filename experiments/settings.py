"""`--set a.b=c`: replaces nested fields of a value, checks types, and reports errors in one line."""

import dataclasses
import difflib
import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from experiments.graph.value import name_of
from experiments.problems import Problem
from experiments.registry import typed


def override(instance: Any, settings: list[str]) -> Any:
    """A copy of a value with `path=value` settings, values in JSON or plain text. All settings are applied before anything is
    checked, except that a setting inside a value that an earlier one set as a whole is applied after that one is checked. A field
    of the world of a study is set in the world of its networks and references too, before everything else. In a dictionary null
    takes an entry out.

    Problem, naming the path, for an unknown key or an invalid value.
    """
    tree: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise Problem(f"--set needs key=value, as in --set model.fit.steps=500, not {setting!r}")
        *folders, leaf = path.split(".")
        if _set_whole(tree, folders):  # as in --set begin=weights.safetensors --set begin.sha256=...
            instance, tree = _changed(instance, tree, ""), {}
        branch = tree
        for name in folders:
            branch = branch.setdefault(name, {})
        branch[leaf] = _Leaf(parse(text), path)
    return _changed(instance, tree, "")


def _set_whole(tree: Any, folders: list[str]) -> bool:
    for name in folders:
        tree = tree.get(name, {})
        if isinstance(tree, _Leaf):
            return True
    return False


@dataclasses.dataclass(frozen=True)
class _Leaf:
    """A new value and its full path."""

    value: Any
    path: str


def _changed(item: Any, tree: dict[str, Any], path: str) -> Any:
    if isinstance(item, dict):
        new = dict(item)
        for name, branch in tree.items():
            if isinstance(branch, _Leaf) and branch.value is None:  # as in --set worlds.fashion=null
                _child(item, name, path, branch)
                del new[name]
            elif isinstance(branch, _Leaf):  # a dictionary accepts new keys
                new[name] = branch.value
            else:
                new[name] = _changed(_child(item, name, path, branch), branch, f"{path}{name}.")
        return new
    if isinstance(item, (tuple, list)):
        entries = list(item)
        for name, branch in tree.items():
            _child({str(index): entry for index, entry in enumerate(entries)}, name, path, branch)
            entries[int(name)] = (
                branch.value if isinstance(branch, _Leaf) else _changed(entries[int(name)], branch, f"{path}{name}.")
            )
        return tuple(entries)
    if not dataclasses.is_dataclass(item):
        _child({}, next(iter(tree)), path, tree)
    fields = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if isinstance(tree.get("world"), dict) and "world" in fields:
        rest = {name: branch for name, branch in tree.items() if name != "world"}
        world = _changed(fields["world"], tree["world"], f"{path}world.")
        item = _checked(path, lambda: _replaced(item, fields["world"], world))
        return _changed(item, rest, path) if rest else item
    new = {}
    for name, branch in tree.items():
        child = _child(fields, name, path, branch, name_of(item))
        new[name] = branch.value if isinstance(branch, _Leaf) else _changed(child, branch, f"{path}{name}.")

    def changed() -> Any:
        plain = not hasattr(type(item), "__pydantic_config__")
        return dataclasses.replace(
            item, **({name: typed(type(item), name, entry) for name, entry in new.items()} if plain else new)
        )

    return _checked(path, changed)


def _checked(path: str, make: Callable[[], Any]) -> Any:
    """What `make` returns. Problem, naming the path, for what it refuses."""
    try:
        return make()
    except ValidationError as error:
        raise Problem(explain(error, path)) from error
    except (ValueError, TypeError) as error:
        raise Problem(f"{path.removesuffix('.')}: {error}".removeprefix(": ")) from error


def _replaced(item: Any, old: Any, new: Any) -> Any:
    """A value in which one world stands wherever another stood, at any depth."""
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        if item == old:
            return new
        fields = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        changed = {name: again for name, held in fields.items() if (again := _replaced(held, old, new)) is not held}
        return dataclasses.replace(item, **changed) if changed else item
    if isinstance(item, dict):
        again = {key: _replaced(held, old, new) for key, held in item.items()}
        return again if any(again[key] is not held for key, held in item.items()) else item
    if isinstance(item, (tuple, list)):
        entries = tuple(_replaced(held, old, new) for held in item)
        return entries if any(one is not held for one, held in zip(entries, item)) else item
    return item


def _child(known: dict[str, Any], name: str, path: str, branch: Any, owner: str = "") -> Any:
    if name in known:
        return known[name]
    full_path = branch.path if isinstance(branch, _Leaf) else f"{path}{name}"
    matches = difflib.get_close_matches(name, list(known), n=1)
    keys = ", ".join(known) or "none (set the whole value, in JSON)"
    hint = f"did you mean {matches[0]!r}?" if matches else f"known keys: {keys}"
    raise Problem(f"unknown configuration key {full_path!r}: no {name!r}{f' in {owner}' if owner else ''}; {hint}")


def parse(text: str) -> Any:
    """JSON, or the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def explain(error: ValidationError, path: str = "") -> str:
    """All validation errors of pydantic in one line: field, message, given value."""
    items = error.errors()
    locations = [item["loc"] for item in items]
    reported = [
        item
        for item in items  # not that a list is too short, if the reason is that its entries were refused: they are reported
        if item["type"] != "too_short" or not any(p[: len(item["loc"])] == item["loc"] != p for p in locations)
    ]
    return "; ".join(f"{path}{_complaint(item)}" for item in reported)


def _complaint(item: Any) -> str:
    message = item["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list, in JSON")
    plain = isinstance(item["input"], (str, int, float, bool, list, tuple)) or item["input"] is None
    given = f", not {item['input']!r}" if plain and not item["msg"].startswith("Value error") else ""
    where = ".".join(str(part) for part in item["loc"] if not str(part).startswith("function-"))
    return f"{where}: {message}{given}".removeprefix(": ")
