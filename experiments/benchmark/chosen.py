"""What `guidance-bench benchmark METHOD` runs: the method with its options and strengths, in the worlds where it can run."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from experiments.benchmark.cells import MethodCells, study_of
from experiments.benchmark.pack import method_cells, with_plain
from experiments.benchmark.protocol import Protocol
from experiments.problems import Problem
from experiments.registry import lookup
from experiments.settings import explain, parse
from experiments.studies.methods import RANGES, USUAL
from experiments.studies.sweep import Curve


def chosen_cells(
    name: str,
    protocol: Protocol,
    worlds: Sequence[str],
    strengths: Sequence[str],
    options: Sequence[str],
    tell: Callable[[str], None],
) -> MethodCells:
    """worlds: these (none: all where the method can run; `tell` hears which are left out). strengths: "0.5,1" of all worlds,
    or "gaussians=0.5,1" of one. options: "radius=3" of the method. Problem for what cannot run, before anything does.
    """
    lookup("methods", name)
    rules, own = protocol.rules.worlds, ranges(strengths, list(protocol.rules.worlds))
    if strange := [world for world in worlds if world not in rules]:
        raise Problem(f"{protocol.title} has no world {strange[0]!r}: it has {', '.join(rules)}")
    given: dict[str, Any] = {"is": name}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals or key == "w":
            raise Problem(f"--set needs OPTION=VALUE of the method, as in --set radius=3, not {option!r}; strengths are --ws")
        given[key] = parse(text)
    methods, left_out = {}, {}
    for world in worlds or rules:
        ws = own.get(world, own.get("", RANGES.get((world, name), RANGES.get(name, USUAL))))
        try:
            curve = with_plain(Curve(method=given, ws=ws))
        except ValidationError as error:
            raise Problem(f"{name}: {explain(error)}") from error
        try:
            study_of(rules[world], curve)
            methods[world] = curve
        except ValidationError as error:
            left_out[world] = explain(error)
    for world, why in left_out.items():
        if world in worlds or not methods:
            raise Problem(f"{name} cannot run in {world}: {why}")
        tell(f"left out {world}: {why}")
    try:
        return method_cells(protocol, methods)
    except ValidationError as error:
        raise Problem(f"{name}: {explain(error)}") from error


def ranges(strengths: Sequence[str], worlds: list[str]) -> dict[str, tuple[float, ...]]:
    """Strengths by world, "" for all others. Problem for what is no number, or no world."""
    found: dict[str, tuple[float, ...]] = {}
    for text in strengths:
        world, equals, numbers = text.rpartition("=")
        if equals and world not in worlds:
            raise Problem(f"--ws {text}: {world!r} is none of the protocol's worlds, {', '.join(worlds)}")
        if world in found:
            raise Problem(f"--ws is given twice for {world or 'all worlds'}: give all strengths at once, as in --ws 0.5,1,2")
        try:
            found[world] = tuple(float(number) for number in numbers.split(","))
        except ValueError:
            raise Problem(f"--ws {text}: strengths are numbers with commas between, as in --ws 0.5,1,2") from None
    return found
