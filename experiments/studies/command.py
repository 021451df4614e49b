"""The command that makes a study again: a study of the registry, with the settings in which this one differs from it."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.registry import STUDIES
from experiments.settings import override

MANY = 30  # settings, above which the folder with its config.json is the better source


def command_of(study: Any) -> str:
    """`guidance-bench study NAME [--full] [--set ...]` of an equal study, with the fewest settings; "" where there is none."""
    found = [words for name in STUDIES for words in _forms(name, study)]
    return f"guidance-bench study {shlex.join(min(found, key=len))}" if found else ""


def _forms(name: str, study: Any) -> Iterator[list[str]]:
    """What follows `study` on the command line, for every form of the entry that settings turn into the study."""
    try:
        entry = STUDIES[name]
    except (Problem, ImportError):  # of another package, which cannot be imported
        return
    forms = entry if isinstance(entry, dict) else {"quick": entry}
    for form, candidate in forms.items():
        if type(candidate) is type(study) and candidate.name == study.name:
            settings = _fewest(candidate, study)
            if settings is not None:
                yield [name, *(["--full"] if form == "full" else []), *(part for one in settings for part in ("--set", one))]


def _fewest(candidate: Any, study: Any) -> list[str] | None:
    """Settings that make one study the other, none of which can be left out; None where no settings do."""
    forms = (encode(candidate, expand=True), encode(study, expand=True))
    settings = [f"{path}={json.dumps(new)}" for path, new in _differences(*forms)]
    if len(settings) > MANY or not _makes(candidate, settings, study):
        return None
    for one in list(settings):  # as a field of the world, which is set in its networks too
        rest = [other for other in settings if other != one]
        if _makes(candidate, rest, study):
            settings = rest
    return settings


def _makes(candidate: Any, settings: list[str], study: Any) -> bool:
    try:
        return override(candidate, settings) == study
    except Problem:
        return False


def _differences(there: Any, here: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, new value) where two JSON forms differ, as deep as both are made of the same parts."""
    if isinstance(there, dict) and isinstance(here, dict) and there.get("is") == here.get("is") and {*here} <= {*there}:
        for key in there:  # null takes an entry out
            yield from _differences(there[key], here.get(key), f"{path}{key}.")
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for place, pair in enumerate(zip(there, here)):
            yield from _differences(*pair, f"{path}{place}.")
    elif there != here:
        yield path.removesuffix("."), here
