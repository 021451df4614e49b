"""What every worker of a pool has to import by itself."""

import os
import subprocess
import sys
from multiprocessing.forkserver import _forkserver
from pathlib import Path

import pytest
from started import heard, start
from timed import of_torch
from tiny import tiny_study

from experiments.graph.executors import executor
from experiments.graph.fingerprint import packages
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.registry import lookup
from experiments.studies.study import Report

ROOMS = ("guidance", "classifiers", "experiments", "analysis")
HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}:{HERE}"}
KNOWN = {"einops", "sklearn", "encodings", "importlib"}  # sklearn's data are modules too


def imported(root: Path, tasks: list[Task]) -> list[str]:
    """Packages of others that are imported while tasks are made."""
    before = set(sys.modules)
    for task in tasks:
        Store(root).make(task, "cpu")
    return sorted({name.partition(".")[0] for name in sys.modules.keys() - before} - set(sys.stdlib_module_names) - {*ROOMS})


@pytest.fixture
def new_server():
    """A fork server of the test's own: a process has one, that of its first pool, and it has what that pool asked for."""
    _forkserver._stop()
    yield
    _forkserver._stop()


@pytest.mark.slow
def test_a_worker_starts_in_half_a_second_and_imports_nothing_that_takes_as_long_for_a_study(tmp_path, new_server):
    """In a pool of its own, whose workers have done nothing. What is in KNOWN takes milliseconds."""
    study = tiny_study(
        "digits",
        {
            "model.fit.steps": 1,
            "classifier.fit.steps": 1,
            "evaluator.fit.steps": 1,
            "judges.0.classifier.fit.steps": 1,
            "sweeps.0.steps": 2,
        },
    )
    measure = next(placed.task for placed in study.cells() if placed.place.get("w") == 1)
    with executor(2) as fresh:
        seconds, there, ours, frozen = fresh.submit(start).result()
        slow = max(1.0, of_torch() / 1.5)  # this processor's, now, beside one that imports torch in a second and a half
        assert there and seconds < 0.6 * slow and frozen > 100_000, "torch is not imported again, a second and more"
        assert not [name for name in ours if name.startswith(("guidance.methods", "analysis.measures.images"))]
        assert fresh.submit(heard, measure).result() < 0.5 * slow
        assert set(fresh.submit(imported, tmp_path, list(everything([measure]))).result()) <= KNOWN


@pytest.mark.slow
def test_the_fork_server_imports_what_the_tasks_import_and_no_more():
    def used(name: str) -> set[str]:
        tasks = everything([Report(study=lookup("studies", name)["quick"])])
        return packages({module for task in tasks for module in task.code})

    assert {"torch", "timm", "sklearn", "pandas", "scipy"} <= used("digits")
    assert "sklearn" not in used("cifar10-jpeg") and not {"sklearn", "timm"} & used("gaussians")
    done = subprocess.run([sys.executable, "-c", SERVER], capture_output=True, text=True, cwd=HERE, env=ENVIRONMENT)
    assert done.stdout.split() == ["torch"], done.stderr


SERVER = """
from experiments.graph.executors import executor
from started import there
if __name__ == "__main__":
    with executor(2, {"torch"}) as pool:
        print(*pool.submit(there, ("torch", "sklearn", "timm", "torchvision")).result())
"""
