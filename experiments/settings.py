"""`--set a.b=c`: replacement along a path of values, types checked, one line for what does not fit."""

import dataclasses
import difflib
import json
from typing import Any

from pydantic import ValidationError

from experiments.graph.value import name_of
from experiments.problems import Problem
from experiments.registry import fill, lookup, typed


def override(held: Any, settings: list[str]) -> Any:
    """A copy of a value with `path=value` settings, values in JSON or plain text; all are put in before anything is checked,
    but for those inside a value that is set as a whole before.

    Problem, naming the path, for a key that is not there or a value that does not fit.
    """
    tree: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise Problem(f"--set wants key=value, as in --set model.fit.steps=500, not {setting!r}")
        *folders, leaf = path.split(".")
        if _set_whole(tree, folders):  # as in --set begin=weights.safetensors --set begin.sha256=...
            held, tree = _changed(held, tree, ""), {}
        place = tree
        for name in folders:
            place = place.setdefault(name, {})
        place[leaf] = _Leaf(_parse(text), path)
    return _changed(held, tree, "")


def world_of(name: str, settings: list[str]) -> Any:
    """The world of a name with `field=value` settings. Problem for a field that it has not, or still needs."""
    found, options = lookup("worlds", name), {}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals:
            raise Problem(f"--set wants field=value, as in --set size=64, not {setting!r}")
        options[field] = _parse(text)
    try:
        return fill(found, options, name)
    except ValidationError as error:
        raise Problem(f"{name}: {explain(error)}") from error
    except ValueError as error:
        raise Problem(str(error)) from error


def _set_whole(tree: Any, folders: list[str]) -> bool:
    for name in folders:
        tree = tree.get(name, {})
        if isinstance(tree, _Leaf):
            return True
    return False


@dataclasses.dataclass(frozen=True)
class _Leaf:
    """A value that is set, and the whole path that it is set at."""

    value: Any
    path: str


def _changed(held: Any, tree: dict[str, Any], path: str) -> Any:
    if isinstance(held, dict):
        new = dict(held)
        for name, below in tree.items():
            new[name] = (
                below.value if isinstance(below, _Leaf) else _changed(_child(held, name, path, below), below, f"{path}{name}.")
            )
        return new
    if isinstance(held, (tuple, list)):
        items = list(held)
        for name, below in tree.items():
            _child({str(i): one for i, one in enumerate(items)}, name, path, below)
            items[int(name)] = below.value if isinstance(below, _Leaf) else _changed(items[int(name)], below, f"{path}{name}.")
        return tuple(items)
    if not dataclasses.is_dataclass(held):
        _child({}, next(iter(tree)), path, tree)
    fields = {field.name: getattr(held, field.name) for field in dataclasses.fields(held)}
    new = {}
    for name, below in tree.items():
        child = _child(fields, name, path, below, name_of(held))
        new[name] = below.value if isinstance(below, _Leaf) else _changed(child, below, f"{path}{name}.")
    try:
        if not hasattr(type(held), "__pydantic_config__"):
            new = {name: typed(type(held), name, one) for name, one in new.items()}
        return dataclasses.replace(held, **new)
    except ValidationError as error:
        raise Problem(explain(error, path)) from error
    except (ValueError, TypeError) as error:
        raise Problem(f"{path.removesuffix('.')}: {error}".removeprefix(": ")) from error


def _child(known: dict[str, Any], name: str, path: str, below: Any, of: str = "") -> Any:
    if name in known:
        return known[name]
    whole = below.path if isinstance(below, _Leaf) else f"{path}{name}"
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known) or 'none (it is set whole, in JSON)'}"
    raise Problem(f"unknown configuration key {whole!r}: no {name!r}{f' in {of}' if of else ''}; {hint}")


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def explain(error: ValidationError, path: str = "") -> str:
    """Every complaint of pydantic's in one line: field, what is wrong, what was given."""
    items = error.errors()
    places = [item["loc"] for item in items]
    said = [
        item
        for item in items  # of a list that came out empty because its entries were refused, only the entries' complaints
        if item["type"] != "too_short" or not any(p[: len(item["loc"])] == item["loc"] != p for p in places)
    ]
    return "; ".join(f"{path}{_complaint(item)}" for item in said)


def _complaint(item: Any) -> str:
    message = item["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list, in JSON")
    plain = isinstance(item["input"], (str, int, float, bool, list, tuple)) or item["input"] is None
    given = f", not {item['input']!r}" if plain and not item["msg"].startswith("Value error") else ""
    where = ".".join(str(part) for part in item["loc"] if not str(part).startswith("function-"))
    return f"{where}: {message}{given}".removeprefix(": ")
