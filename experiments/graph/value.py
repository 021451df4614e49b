"""Values: frozen, validated dataclasses with two JSON forms: all fields, and those that identify the value."""

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
    """The decorator of every value: a frozen, keyword-only dataclass that validates its fields and refuses unknown ones.

    It also accepts the JSON form that `encode` returns, whose "is" must be the name of the class.
    """
    validator = model_validator(mode="before")(classmethod(_without_is))  # type: ignore[arg-type]  # there is no class body that gives cls a type
    type.__setattr__(kind, "_without_is", validator)  # pydantic looks for validators among the class attributes
    return typing.cast("type[T]", dataclass(frozen=True, kw_only=True, config=CONFIG)(kind))


def _without_is(kind: type, given: Any) -> Any:
    if not isinstance(given, dict) or "is" not in given:
        return given
    if given["is"] != name_of_class(kind):
        raise ValueError(f"{given['is']!r} is not {name_of_class(kind)!r}")
    return {key: entry for key, entry in given.items() if key != "is"}


def encode(item: Any, whole: bool = True, expand: bool = False, places: bool = True) -> Any:
    """The JSON form of a value. A dataclass becomes {"is": its name, **its fields}; a task becomes {"task": its address}.

    whole: include every field; otherwise only those that identify the value: fields at their defaults are left out, so that a new
    field with a default changes no address, and so are those that the class lists in `incidental` (such as the path of a file).
    expand: write tasks out like any other value. places: include incidental fields; without them only those of classes that are
    `pinned` are left out, whose other fields or code say what the path holds. TypeError for a type that JSON lacks.
    """
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        if hasattr(item, "address") and not expand:
            return {"task": item.address}
        return {"is": name_of(item), **encode_fields(item, whole, expand, places)}
    if isinstance(item, dict):
        return {str(key): encode(entry, whole, expand, places) for key, entry in item.items()}
    if isinstance(item, (tuple, list)):
        return [encode(entry, whole, expand, places) for entry in item]
    raise TypeError(f"{item!r} cannot be encoded: use numbers, text, lists, dictionaries and frozen dataclasses")


def encode_fields(instance: Any, whole: bool = True, expand: bool = False, places: bool = True) -> dict[str, Any]:
    """The fields of a dataclass by name, in the form of `encode`."""
    encoded = {}
    kind: type = type(instance)
    below, places = places, places or not getattr(kind, "pinned", False)
    for name, default_value, incidental, real in _fields(kind):
        entry = getattr(instance, name)
        if type(entry) is float or (type(entry) is int and real):  # in a field of floats 1 is encoded as 1.0; -0.0 as 0.0
            entry = entry + 0.0
        if (whole and (places or not incidental)) or not (whole or incidental or entry == default_value):
            encoded[name] = encode(entry, whole, expand, below)
    return encoded


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool, bool], ...]:
    """(name, default, whether it is incidental, whether its type is float and not int) of every field."""
    incidental = getattr(kind, "incidental", ())
    real = {name for name, hint in hints(kind).items() if _takes(hint, float) and not _takes(hint, int)}
    return tuple((field.name, default(field), field.name in incidental, field.name in real) for field in dataclasses.fields(kind))


def digest(encoded: Any) -> str:
    """The first twelve hexadecimal digits of the sha256 of canonical JSON. ValueError for NaN and infinity."""
    text = json.dumps(encoded, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def name_of(instance: Any) -> str:
    """The name under which the class of a value is registered, or the name of the class itself."""
    kind: type = type(instance)
    return name_of_class(kind)


@cache
def name_of_class(kind: type) -> str:
    """As `name_of`, for a class; a field called `name` does not name the class."""
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    name = None if "name" in fields else getattr(kind, "name", None)
    return name if isinstance(name, str) else kind.__name__


def label(instance: Any, *excluded: str) -> str:
    """The name, and the fields that differ from their defaults, without those `excluded`: `bounded(radius=5)`."""
    changed = [
        f"{field.name}={getattr(instance, field.name)}"
        for field in dataclasses.fields(instance)
        if field.name not in excluded and getattr(instance, field.name) != default(field)
    ]
    return name_of(instance) + (f"({', '.join(changed)})" if changed else "")


def default(field: dataclasses.Field[Any]) -> Any:
    """The default of a field; MISSING if it has none."""
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


@cache
def hints(kind: type) -> dict[str, Any]:
    """The declared types of a dataclass's fields, with pydantic's annotations."""
    return typing.get_type_hints(kind, include_extras=True)


def _takes(hint: Any, expected: type) -> bool:
    if typing.get_origin(hint) is typing.Annotated:
        return _takes(typing.get_args(hint)[0], expected)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return any(_takes(member, expected) for member in typing.get_args(hint))
    return hint is expected
