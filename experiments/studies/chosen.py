"""The study that a command names, as it is printed and explained."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from experiments.graph.run import plan
from experiments.graph.store import FOUND, MISSING, Store
from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.registry import lookup
from experiments.settings import override
from experiments.studies.study import Report, Study


def chosen(name: str, full: bool, settings: list[str]) -> Study:
    """The quick or full form of a study, with settings. An entry of the registry is {"quick": study, "full": study}, or a
    study.
    """
    entry = lookup("studies", name)
    forms = entry if isinstance(entry, dict) else {"quick": entry}
    study = forms.get("full" if full else "quick", forms.get("quick"))
    if not (isinstance(study, Study) and dataclasses.is_dataclass(study)):
        raise Problem(f"{name} is no study: give an instance of experiments.studies.TradeOff, or of a Study of your own")
    if full and "full" not in forms:
        raise Problem(f"{name} has no full form")
    return override(study, settings)


def shown(study: Study) -> str:
    """The whole configuration as JSON, every key as --set takes it."""
    return json.dumps(encode(study, expand=True), indent=1)


def explained(study: Study, runs: Path) -> Iterator[str]:
    """What a run of the study would make, and why, line by line."""
    report, store = Report(study=study), Store(runs)
    planned = plan([report], store)
    yield study.describe()
    counts: dict[str, int] = {}
    for address, task in planned.tasks.items():
        state = planned.states[address]
        if address in planned.failed:
            words = f"failed   {task.title}: {planned.failed[address]} (--retry tries it again)"
        elif state == (FOUND,):
            words = "found"
        elif state == (MISSING,):
            words = f"missing  {address}   {task.title}"
        elif task.derived:
            words = f"redrawn  {address} was {'; '.join(state)}"
        else:
            words = f"stale    {address}   {task.title}: it was {'; '.join(state)}"
        counts[words.split()[0]] = counts.get(words.split()[0], 0) + 1
        if words != "found":
            yield words
    yield f"{len(planned.tasks)} runs: " + ", ".join(f"{count} {name}" for name, count in counts.items())
