"""Every configuration: frozen, strict about its keys, and the address of the run it makes."""

import dataclasses
import difflib
import hashlib
import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    SerializationInfo,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)

from experiments.problems import Problem

TAGS = ("(usual)", "(other)")  # of a field that holds one of two kinds; no user sees them
WHOLE = "whole"
RECIPE = 1  # raised when the code makes other numbers of the same values, so that no older run is taken for a new one


class Config(BaseModel):
    """A frozen set of values. Unknown keys, NaN and infinity are refused.

    later: the fields that came after runs had been made. At their defaults they are left out of the address and of config.json,
    so that those runs keep theirs; `whole` shows them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def without_later(self, dump, info: SerializationInfo) -> dict:
        values, fields = dump(self), type(self).model_fields
        hidden = set() if info.context == WHOLE else {name for name in self.later if getattr(self, name) == fields[name].default}
        return {name: value for name, value in values.items() if name not in hidden}

    def whole(self) -> dict:
        """Every value, as JSON has it."""
        return self.model_dump(mode="json", context=WHOLE)

    def digest(self) -> str:
        """Twelve hexadecimal digits of the sha256 of RECIPE and its canonical JSON: equal values, equal address."""
        text = json.dumps([RECIPE, self.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def override(self, settings: list[str]) -> Self:
        """A copy with `a.b=value` settings, values in JSON or plain text. Problem if one is unknown or does not fit."""
        values, unknown = self.whole(), {}
        for setting in settings:
            path, equals, text = setting.partition("=")
            if not equals:
                raise Problem(f"--set wants key=value, as in --set denoiser.fit.steps=500, not {setting!r}")
            *folders, leaf = path.split(".")
            target = values
            for name in folders:
                target = _child(target, name, path)
            if not isinstance(target, dict):
                _child(target, leaf, path)
            if leaf not in target:
                unknown[leaf] = (dict(target), leaf, path)  # or a key that marks another kind: see `either`
            target[leaf] = _parse(text)
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            for leaf in {item["loc"][-1] for item in error.errors() if item["type"] == "extra_forbidden"} & set(unknown):
                _child(*unknown[leaf])
            raise Problem(explain(error)) from error


class Choice(Config):
    """One entry of a registry of frozen dataclasses, by name, and its options.

    Options that are left out have the dataclass's defaults, and are written out, so that they are part of the address.
    """

    kind: ClassVar[str]
    registry: ClassVar[dict[str, type]]
    own: ClassVar[tuple[str, ...]] = ()  # fields of the dataclass that are fields of the configuration, and no options

    name: str
    options: dict[str, int | float | bool | str | None] = {}

    @model_validator(mode="before")
    @classmethod
    def written_out(cls, values: object) -> object:
        values = {"name": values} if isinstance(values, str) else values
        if not isinstance(values, dict):
            return values
        known = cls.registry.get(values.get("name"))
        if known is None:
            raise ValueError(f"there is no {cls.kind} {values.get('name')!r}; known: {', '.join(cls.registry)}")
        defaults = {field.name: field.default for field in dataclasses.fields(known) if field.name not in cls.own}
        options = values.get("options", {})
        if strange := sorted(set(options) - set(defaults)):
            raise ValueError(f"{values['name']} has no option {strange[0]!r}; it has {', '.join(defaults) or 'none'}")
        return {**values, "options": {key: _alike(value, defaults[key]) for key, value in (defaults | options).items()}}

    @model_validator(mode="after")
    def can_be_built(self) -> Self:
        self.build()
        return self

    @model_serializer(mode="wrap")
    def without_empty_options(self, dump) -> dict:
        return {key: value for key, value in dump(self).items() if key != "options" or value}

    @property
    def label(self) -> str:
        """The name, and the options that are not the defaults: `bounded(radius=5)`."""
        defaults = {field.name: field.default for field in dataclasses.fields(self.registry[self.name])}
        changed = [f"{key}={value}" for key, value in self.options.items() if value != defaults[key]]
        return self.name + (f"({', '.join(changed)})" if changed else "")

    def build(self) -> Any:
        """The dataclass itself. ValueError for options that it refuses."""
        return self.registry[self.name](**self.options, **{key: getattr(self, key) for key in self.own})


def either(usual: type[Config], other: type[Config], key: str) -> Any:
    """The type of a field that holds the kind `other` where its values name `key`, and else the usual one.

    So that a kind can be added without changing the address of any run that was there before.
    """

    def tag(values: object) -> str:
        return TAGS[isinstance(values, other) or (isinstance(values, dict) and key in values)]

    tagged = [Annotated[kind, Tag(name)] for kind, name in zip((usual, other), TAGS)]
    return Annotated[tagged[0] | tagged[1], Discriminator(tag)]


def _alike(value: object, default: object) -> object:
    """A whole number as a float where the default is one: 1 and 1.0 are the same address."""
    return float(value) if isinstance(default, float) and type(value) is int else value


def explain(error: ValidationError) -> str:
    """Every complaint of pydantic's in one line: field, what is wrong, what was given."""
    return "; ".join(map(_complaint, error.errors()))


def _complaint(item: dict) -> str:
    message = item["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list, in JSON")
    given = "" if isinstance(item["input"], (dict, BaseModel)) else f", not {item['input']!r}"
    return f"{'.'.join(str(part) for part in item['loc'] if part not in TAGS)}: {message}{given}".removeprefix(": ")


def _child(target: object, name: str, path: str) -> object:
    keys = list(target) if isinstance(target, dict) else []
    if name not in keys:
        near = difflib.get_close_matches(name, keys, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(keys) or 'none (a list is set whole, in JSON)'}"
        raise Problem(f"unknown configuration key {path!r}: no {name!r}; {hint}")
    return target[name]


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
