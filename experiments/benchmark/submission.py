"""A submission: one method's cells under one protocol, with what made them, in one JSON file; and the same as a tidy table.

Its content, beside a "seal" (the sha256 of the rest, so that a truncated or edited file is noticed):
    schema, protocol {title, sha256}, made {who, cite, date}, method {label, where, values, family, package}, code
    {module: digest}, packages, machines, revisions, cells [{world, w, seed, n, sampler, steps, train_seed, runs {address: seal},
    made_from {address: seal}, values {metric: number}}]; runs are the measures, made_from what they measured
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.files import write_atomically
from experiments.graph.files import disk_problems, read_object
from experiments.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
FIELDS = {
    "schema": int,
    "protocol": dict,
    "made": dict,
    "method": dict,
    "code": dict,
    "packages": dict,
    "machines": list,
    "revisions": list,
    "cells": list,
    "seal": str,
}
CELL = {
    "world": str,
    "w": float,
    "seed": int,
    "n": int,
    "sampler": str,
    "steps": int,
    "train_seed": int,
    "runs": dict,
    "made_from": dict,
    "values": dict,
}


@dataclass(frozen=True)
class Submission:
    """As it was read or packed; place: the file, or what it is called in a message."""

    content: dict[str, Any]
    place: str

    @property
    def label(self) -> str:
        """The method's name in tables."""
        return self.content["method"]["label"]

    @property
    def sha256(self) -> str:
        """Of the protocol."""
        return self.content["protocol"]["sha256"]

    @property
    def protocol(self) -> str:
        """As it stands in every row: "guidance-bench v1 3fa9c1d2"."""
        return f"{self.content['protocol']['title']} {self.sha256[:8]}"

    @cached_property
    def table(self) -> "pd.DataFrame":
        """The tidy table of analysis.table, with the column `protocol`."""
        import pandas as pd

        rows = [
            {**{name: cell[name] for name in PLACE}, "method": self.label, "metric": metric, "value": number}
            for cell in self.content["cells"]
            for metric, number in cell["values"].items()
        ]
        return pd.DataFrame(rows).assign(protocol=self.protocol)

    def evaluations(self, world: str) -> float:
        """Network evaluations of a guided sample in a world, all kinds together: the most of any cell."""
        cells = [cell["values"] for cell in self.content["cells"] if cell["world"] == world]
        return max(sum(number for name, number in values.items() if name.startswith("nfe_")) for values in cells)

    def ws(self, world: str) -> set[float]:
        """The strengths it was sampled at in a world."""
        return {cell["w"] for cell in self.content["cells"] if cell["world"] == world}


PLACE = ("world", "train_seed", "w", "sampler", "steps", "seed", "n")


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The content with its seal."""
    rest = {name: held for name, held in content.items() if name != "seal"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**rest, "seal": hashlib.sha256(text.encode()).hexdigest()}


def write_submission(submission: Submission, path: Path) -> Path:
    """The file, a cell to a line; whole or not at all."""
    content = {name: held for name, held in submission.content.items() if name != "cells"}
    cells = ",\n".join(json.dumps(cell, allow_nan=False) for cell in submission.content["cells"])
    head = json.dumps(content, indent=1, allow_nan=False).rstrip().removesuffix("}").rstrip()
    with disk_problems(path, "give another --out"):
        return write_atomically(path, f'{head},\n "cells": [\n{cells}\n ]\n}}\n'.encode())


def read_submission(path: Path) -> Submission:
    """The submission in a file. Problem, naming what is amiss, for a file that is none, or was altered."""
    content = read_object(Path(path))
    if type(schema := content.get("schema")) is not int or schema != SCHEMA:
        raise Problem(f"{path} is no submission of this version of guidance-bench: its schema is {schema!r}, not {SCHEMA}")
    _require(content, FIELDS, f"{path}")
    _require(content["protocol"], {"title": str, "sha256": str}, f"{path}: protocol")
    _require(content["method"], {"label": str, "where": str, "values": dict, "family": str, "package": str}, f"{path}: method")
    _require(content["made"], {"who": str, "cite": str, "date": str}, f"{path}: made")
    for name in ("code", "packages", "machines", "revisions", "cells"):
        if not content[name]:
            raise Problem(f"{path} has no {name}")
    if not isinstance(content["method"]["values"].get("is"), str):
        raise Problem(f"{path}: the values of its method do not say what it is")
    for text in (content["protocol"]["title"], *content["method"].values(), *content["made"].values()):
        if isinstance(text, str) and not text.isprintable():
            raise Problem(f"{path}: {text!r} is no line of text")
    for index, cell in enumerate(content["cells"]):
        _require(cell, CELL, f"{path}: cell {index}")
        if not is_number(cell["w"]):
            raise Problem(f"{path}: cell {index}: w is no finite number")
        if lacking := [name for name in ("runs", "made_from", "values") if not cell[name]]:
            raise Problem(f"{path}: cell {index} has no {lacking[0]}")
    if sealed(content)["seal"] != content["seal"]:
        raise Problem(f"{path} was altered after it was packed (its seal is of other content): pack it again by submit")
    return Submission(content, str(path))


def is_number(given: Any) -> bool:
    """Whether it is a finite number that a table can hold: JSON has integers beyond those of floats."""
    return type(given) in (int, float) and abs(given) < 1e300


def _require(held: Any, fields: dict[str, type], where: str) -> None:
    if not isinstance(held, dict):
        raise Problem(f"{where} is no object")
    for name, kind in fields.items():
        if name not in held:
            raise Problem(f"{where} has no {name!r}")
        fits = type(held[name]) in ((int, float) if kind is float else (kind,))
        if not fits:
            raise Problem(f"{where}: {name!r} is {type(held[name]).__name__}, and not {kind.__name__}")
    if strange := sorted(set(held) - set(fields)) if fields in (FIELDS, CELL) else []:
        raise Problem(f"{where} has {strange[0]!r}, which a submission does not hold")
