"""How the shipped files are made: `python -m experiments.shipped.make RUNS`, after `guidance-bench study fashion --full`."""

import sys
from pathlib import Path

from experiments.checkpoints.exported import export
from experiments.graph.files import sha256, write_json
from experiments.graph.store import Store
from experiments.shipped import FOLDER
from experiments.studies.fashion import FULL
from experiments.tasks.real_features import export as export_real

SEED = 0  # of the trainings that ship


def make(runs: Path) -> None:
    """Writes the files of `fashion` and their hashes. Problem if a run is not there, or not whole."""
    store, folder = Store(runs), FOLDER / FULL.world.name
    folder.mkdir(exist_ok=True)
    for role in ("model", "weak", "classifier"):
        export(FULL.network(role, SEED), store, folder / f"{role}.safetensors", "float16")
    export(FULL.evaluator, store, folder / "evaluator.safetensors", "float16")
    export_real(FULL.real, store, folder / "real.safetensors")
    (judge,) = FULL.judges
    export(judge.classifier, store, folder / "judge.safetensors", "float16")
    export_real(judge.real, store, folder / "judge_real.safetensors")
    write_json(folder / "hashes.json", {file.name: sha256(file) for file in sorted(folder.glob("*.safetensors"))})


if __name__ == "__main__":
    make(Path(sys.argv[1]))
