"""The world that the words of a command stand for, with its options: one rule for all commands."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from experiments.problems import Problem
from experiments.registry import WORLDS, fill, lookup
from experiments.settings import explain, override, parse

WORLD = "world."


def world_of(text: str, settings: Sequence[str] = ()) -> Any:
    """The world of a name, "package.module:Name" or JSON ({"is": name, **options}), with `field=value` settings.

    Problem, in one line, for what is no world, for an option that it has not, and for one that it needs.
    """
    options = _options(text)
    name = options.pop("is", None)
    if not isinstance(name, str):
        raise Problem(f'{text}: say which world, as in {{"is": "gaussians"}}')
    found, inside = _world(name), []
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals:
            raise Problem(f"--set wants field=value, as in --set size=64, not {setting!r}")
        if "." in field or not isinstance(found, type):  # a part of an option, or a world that is made already
            inside.append(setting)
        else:
            options[field] = parse(value)
    try:
        return override(fill(found, options, name), inside)
    except ValidationError as error:
        raise Problem(f"{name}: {explain(error)}") from error
    except ValueError as error:
        raise Problem(str(error)) from error


def apart(settings: Sequence[str]) -> tuple[list[str], list[str]]:
    """The settings of the world, as in world.size=64, without their first word; and the others."""
    own = [setting for setting in settings if setting.startswith(WORLD)]
    return [setting.removeprefix(WORLD) for setting in own], [setting for setting in settings if setting not in own]


def _world(name: str) -> Any:
    found = lookup("worlds", name)
    try:
        WORLDS.check(found)
    except ValueError as error:
        raise Problem(f"{name} {error}") from error
    return found


def _options(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {"is": text}
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem(f"{text!r} is neither the name of a world nor JSON") from error
