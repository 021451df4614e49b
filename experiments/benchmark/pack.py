"""The runs of a method's cells, packed: every run verified, then its rows, hashes and code in one submission."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.benchmark.cells import MethodCells
from experiments.benchmark.check import check_submission
from experiments.benchmark.described import described
from experiments.benchmark.protocol import Protocol
from experiments.benchmark.submission import SCHEMA, Submission, sealed
from experiments.graph.files import read_object
from experiments.graph.store import FOUND, MISSING, Store
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.studies.by_world import ByWorld
from experiments.studies.decode import read_study
from experiments.studies.publish import behind
from experiments.studies.study import Placed
from experiments.studies.sweep import Curve
from experiments.studies.tradeoff import TradeOff

SHOWN = 16  # digits of a seal


def pack(cells: MethodCells, store: Store, who: str, cite: str) -> Submission:
    """The submission of a method whose cells were made. Problem, naming it, for a cell that is missing, stale or broken, and
    for runs that two versions of the code made.
    """
    packed: dict[tuple, dict[str, Any]] = {}
    code, revisions, packages, machines = {}, set(), {}, []
    placed = list(cells.cells())
    _require_made(placed, store, cells.of)
    for _, place, task in placed:
        path = store.path(task)
        for run in behind(path):
            manifest, record = verify_run(run), read_object(run / "provenance.json")
            if manifest.accepted:
                raise Problem(f"{run} was accepted although it was stale: make it again with --remake")
            for module, found in manifest.code.items():
                if code.setdefault(module, found) != found:
                    raise Problem(f"{run} was made by another {module} than the others: --remake makes them again")
            revisions.add(str(record.get("revision")))
            for package, found in record.get("packages", {}).items():
                if packages.setdefault(package, found) != found:
                    raise Problem(f"{run} was made with another {package} than the others: --remake makes them again")
            if record.get("machine") not in machines:
                machines.append(record.get("machine"))
        manifest = verify_run(path)
        own = {name: place[name] for name in ("world", "w", "seed", "sampler", "steps", "train_seed")}
        cell = packed.setdefault(tuple(own.values()), {**own, "n": task.samples.n, "runs": {}, "made_from": {}, "values": {}})
        cell["runs"][path.name] = manifest.seal[:SHOWN]
        cell["made_from"] |= {name: seal[:SHOWN] for name, seal in manifest.parents.items()}
        cell["values"] |= {row["metric"]: float(row["value"]) for row in task.rows(store)}
    content = {
        "schema": SCHEMA,
        "protocol": {"title": cells.of.title, "sha256": cells.of.sha256},
        "made": {"who": who, "cite": cite, "date": datetime.now(UTC).date().isoformat()},
        "method": described(next(iter(cells.methods.values()))),
        "code": dict(sorted(code.items())),
        "packages": packages,
        "machines": machines,
        "revisions": sorted(revisions),
        "cells": list(packed.values()),
    }
    submission = Submission(sealed(content), f"the submission of {content['method']['label']}")
    check_submission(submission, cells.of)
    return submission


def of_run(folder: Path, names: list[str], protocol: Protocol) -> Iterator[tuple[MethodCells, Store]]:
    """The cells of methods, by their labels in a study's run (none: its only one), as the protocol wants them, and their store.

    folder: of the run, or a file in it. Problem where the study has no such method, or none in a world of the protocol.
    """
    if not folder.exists():
        raise Problem(f"there is no run {folder}: name the folder that a study, or guidance-bench benchmark, printed")
    folder = (folder if folder.is_dir() else folder.parent).absolute()
    study = read_study(folder)
    curves = curves_of(study)
    labels = list(dict.fromkeys(curve.label for held in curves.values() for curve in held))
    if not names and len(labels) > 1:
        raise Problem(f"{folder} has {len(labels)} methods: say which by --method, of {', '.join(labels)}")
    if strange := [name for name in names if name not in labels]:
        raise Problem(f"{folder} has no method {strange[0]!r}: it has {', '.join(labels)}")
    for name in names or labels:
        own = {world: with_plain(curve) for world, held in curves.items() for curve in held if curve.label == name}
        if not (within := {world: curve for world, curve in own.items() if world in protocol.rules.worlds}):
            raise Problem(f"{folder}: {name} is in none of the worlds of {protocol.title}, {', '.join(protocol.rules.worlds)}")
        yield method_cells(protocol, within), Store(folder.parent)


def method_cells(protocol: Protocol, methods: Mapping[str, Curve]) -> MethodCells:
    """The study of a method under a protocol."""
    name = f"{protocol.place}-{slug(next(iter(methods.values())).label)}"
    return MethodCells(name=name, protocol=protocol.content, methods=dict(methods))


def curves_of(study: Any) -> dict[str, list[Curve]]:
    """The methods of a study by world, each with strengths of its own. Problem for a study that compares no methods."""
    if isinstance(study, MethodCells):
        return {world: [curve] for world, curve in study.methods.items()}
    studies = list(study.worlds.values()) if isinstance(study, ByWorld) else [study]
    if not all(isinstance(each, TradeOff) for each in studies):
        raise Problem(f"{study.name} is no study of methods over w")
    return {
        each.world.label: [Curve(method=curve.method, ws=curve.ws or each.sweeps[0].ws) for curve in each.methods]
        for each in studies
    }


def with_plain(curve: Curve) -> Curve:
    """The curve with w = 0, which every method shares, among its strengths."""
    return Curve(method=curve.method, ws=tuple(sorted({0.0, *(curve.ws or ())})))


def slug(text: str) -> str:
    """As part of a name: small letters, digits and single dashes; a minus before a number is an m."""
    kept = "".join(
        letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower().replace("+", "p").replace("=-", "=m")
    )
    return "-".join(part for part in kept.split("-") if part) or "method"


def _require_made(placed: list[Placed], store: Store, protocol: Protocol) -> None:
    for _, place, task in placed:
        where = f"{place['world']}, w = {place['w']:g}, seed {place['seed']}"
        state = store.state(task)
        if state == (MISSING,):
            why = store.failure(task) or store.failure(task.samples)
            reason = f"it failed ({why}): leave this strength out" if why else "guidance-bench benchmark makes it"
            raise Problem(f"{where}: {store.root} has no cell as {protocol.title} asks for it: {reason}")
        if state != (FOUND,):
            raise Problem(f"{where}: the cell was {'; '.join(state)}: make it again with --remake")
