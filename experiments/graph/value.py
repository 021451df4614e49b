"""Values: frozen, validated dataclasses, and their two forms as JSON: all fields, and those that identify the value."""

import dataclasses
import hashlib
import json
import types
import typing
from functools import cache
from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

T = TypeVar("T")
CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(kind: type[T]) -> type[T]:
    """The decorator of every value: frozen, by keyword, its fields checked, unknown ones refused.

    JSON that `encode` made is taken too: its "is" must be the name of the class.
    """
    validator = model_validator(mode="before")(classmethod(_without_is))  # type: ignore[arg-type]  # no class body here to type cls
    type.__setattr__(kind, "_without_is", validator)  # pydantic looks for validators among the class attributes
    return typing.cast("type[T]", dataclass(frozen=True, kw_only=True, config=CONFIG)(kind))


def _without_is(kind: type, given: Any) -> Any:
    if not isinstance(given, dict) or "is" not in given:
        return given
    if given["is"] != name_of_class(kind):
        raise ValueError(f"{given['is']!r} is no {name_of_class(kind)}")
    return {key: held for key, held in given.items() if key != "is"}


def encode(held: Any, whole: bool = True, expand: bool = False, places: bool = True) -> Any:
    """A value as JSON has it. A dataclass is {"is": its name, **its fields}; a task inside is {"task": its address}.

    whole: every field; else only what makes the value what it is: without the fields that are at their defaults, so that a new
    field with a default changes no address, and without those that the class lists in `incidental` (where a file lies).
    expand: tasks inside are written out as any other value. places: incidental fields too; without them only those of classes are
    left out that are `pinned`: other fields, or the code, say what lies there. TypeError for what JSON cannot hold.
    """
    if held is None or isinstance(held, (bool, int, float, str)):
        return held
    if dataclasses.is_dataclass(held) and not isinstance(held, type):
        if hasattr(held, "address") and not expand:
            return {"task": held.address}
        return {"is": name_of(held), **encode_fields(held, whole, expand, places)}
    if isinstance(held, dict):
        return {str(key): encode(one, whole, expand, places) for key, one in held.items()}
    if isinstance(held, (tuple, list)):
        return [encode(one, whole, expand, places) for one in held]
    raise TypeError(f"{held!r} is no value: use numbers, text, lists, dictionaries and frozen dataclasses")


def encode_fields(held: Any, whole: bool = True, expand: bool = False, places: bool = True) -> dict[str, Any]:
    """The fields of a dataclass by name, as `encode` has them."""
    found = {}
    kind: type = type(held)
    below, places = places, places or not getattr(kind, "pinned", False)
    for name, usual, incidental, real in _fields(kind):
        own = getattr(held, name)
        if type(own) is float or (type(own) is int and real):  # 1 and 1.0 are one value where a float is declared, -0 is 0
            own = own + 0.0
        if (whole and (places or not incidental)) or not (whole or incidental or own == usual):
            found[name] = encode(own, whole, expand, below)
    return found


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool, bool], ...]:
    """(name, default, whether it is incidental, whether a float is declared and no int) of every field."""
    places = getattr(kind, "incidental", ())
    real = {name for name, hint in hints(kind).items() if _takes(hint, float) and not _takes(hint, int)}
    return tuple((field.name, default(field), field.name in places, field.name in real) for field in dataclasses.fields(kind))


def digest(encoded: Any) -> str:
    """Twelve hexadecimal digits of the sha256 of canonical JSON. ValueError for NaN and infinity."""
    text = json.dumps(encoded, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def name_of(held: Any) -> str:
    """The name under which a value's class is registered, or that of the class."""
    kind: type = type(held)
    return name_of_class(kind)


@cache
def name_of_class(kind: type) -> str:
    """As `name_of`, of the class; a field called `name` is no name of the class."""
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    name = None if "name" in fields else getattr(kind, "name", None)
    return name if isinstance(name, str) else kind.__name__


def label(held: Any, *besides: str) -> str:
    """The name, and the fields that are not at their defaults, but for those `besides`: `bounded(radius=5)`."""
    changed = [
        f"{field.name}={getattr(held, field.name)}"
        for field in dataclasses.fields(held)
        if field.name not in besides and getattr(held, field.name) != default(field)
    ]
    return name_of(held) + (f"({', '.join(changed)})" if changed else "")


def default(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; MISSING where it has none."""
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


@cache
def hints(kind: type) -> dict[str, Any]:
    """The declared types of a dataclass's fields, with pydantic's annotations."""
    return typing.get_type_hints(kind, include_extras=True)


def _takes(hint: Any, wanted: type) -> bool:
    if typing.get_origin(hint) is typing.Annotated:
        return _takes(typing.get_args(hint)[0], wanted)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_takes(one, wanted) for one in typing.get_args(hint))
    return hint is wanted
