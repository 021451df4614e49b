"""What every worker of a pool has to import by itself."""

import resource
import sys
from pathlib import Path

from tiny import tiny_study

from experiments.graph.executors import executor
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.graph.task import Task

ROOMS = ("guidance", "classifiers", "experiments", "analysis")
KNOWN = {"einops", "sklearn", "encodings", "importlib"}  # sklearn's data are modules too


def heard(task: Task) -> float:
    """CPU seconds of a worker until it has a task of a study in its hands, the code of ours behind it imported."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def imported(root: Path, tasks: list[Task]) -> list[str]:
    """Packages of others that are imported while tasks are made."""
    before = set(sys.modules)
    for task in tasks:
        Store(root).make(task, "cpu")
    return sorted({name.partition(".")[0] for name in sys.modules.keys() - before} - set(sys.stdlib_module_names) - {*ROOMS})


def test_a_worker_starts_in_half_a_second_and_imports_nothing_that_takes_as_long_for_a_study(tmp_path):
    """In a pool of its own, whose workers have done nothing. What is in KNOWN takes milliseconds."""
    study = tiny_study("digits", {"model.fit.steps": 1, "classifier.fit.steps": 1, "evaluator.fit.steps": 1, "sweeps.0.steps": 2})
    measure = next(placed.task for placed in study.cells() if placed.place.get("w") == 1)
    with executor(2) as fresh:
        assert fresh.submit(heard, measure).result() < 0.5
        assert set(fresh.submit(imported, tmp_path, list(everything([measure]))).result()) <= KNOWN
