"""Every configuration: frozen, strict about its keys, and the address of the run it makes."""

import difflib
import hashlib
import json
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from experiments.problems import Problem

RECIPE = 1  # raised when the code makes other numbers of the same values, so that no older run is taken for a new one


class Config(BaseModel):
    """A frozen set of values. Unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def digest(self) -> str:
        """Twelve hexadecimal digits of the sha256 of RECIPE and its canonical JSON: equal values, equal address."""
        text = json.dumps([RECIPE, self.model_dump(mode="json")], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def override(self, settings: list[str]) -> Self:
        """A copy with `a.b=value` settings, values in JSON or plain text. Problem if one is unknown or does not fit."""
        values = self.model_dump(mode="json")
        for setting in settings:
            path, equals, text = setting.partition("=")
            if not equals:
                raise Problem(f"--set wants key=value, as in --set denoiser.fit.steps=500, not {setting!r}")
            *folders, leaf = path.split(".")
            target = values
            for name in folders:
                target = _child(target, name, path)
            _child(target, leaf, path)
            target[leaf] = _parse(text)
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            raise Problem(explain(error)) from error


def explain(error: ValidationError) -> str:
    """Every complaint of pydantic's in one line: field, what is wrong, what was given."""
    return "; ".join(map(_complaint, error.errors()))


def _complaint(item: dict) -> str:
    message = item["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list, in JSON")
    given = "" if isinstance(item["input"], (dict, BaseModel)) else f", not {item['input']!r}"
    return f"{'.'.join(map(str, item['loc']))}: {message}{given}".removeprefix(": ")


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
