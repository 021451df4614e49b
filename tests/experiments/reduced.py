"""A reduced protocol of seconds, which has a name and a hash of its own, and a submission made under it."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from experiments.benchmark.chosen import chosen_cells
from experiments.benchmark.pack import pack
from experiments.benchmark.protocol import read_protocol
from experiments.benchmark.submission import Submission
from experiments.graph.store import Store
from experiments.studies.running import make

SMALL = {"n": 60, "batch": 60, "steps": 4, "sample_seeds": [0, 1], "strengths": 3, "budget": 8.0, "plain": {}}


def reduced(worlds: Sequence[str] = ("gaussians", "digits-exact"), **changes: Any) -> dict[str, Any]:
    """The JSON of a protocol of exact worlds, with few seeds, levels and samples; changes: of the rules of each world."""
    content = deepcopy(read_protocol("v1").content)
    return {**content, "name": "small", "worlds": {name: {**content["worlds"][name], **SMALL, **changes} for name in worlds}}


def written(folder: Path, **changes: Any) -> Path:
    """The same in a file."""
    path = folder / "small.json"
    path.write_text(json.dumps(reduced(**changes)))
    return path


def submission(method: str, protocol: Path, runs: Path, ws: Sequence[float], **who: str) -> Submission:
    """A method's cells, made in this process and packed."""
    cells = chosen_cells(method, read_protocol(str(protocol)), [], [",".join(map(str, ws))], [], print)
    store = Store(runs)
    make(cells, store, 1, "cpu", tell=lambda line: None)
    return pack(cells, store, who.get("by", ""), who.get("cite", ""))
