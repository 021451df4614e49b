"""`--cluster` of study, verify and train: what they make there is what they make here, and what does not go together."""

import subprocess
import sys

import pytest
from safetensors.torch import load_file
from small import folder, here
from tiny import sets

from analysis.table import read_table
from experiments import cluster
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies import running
from experiments.studies.publish import compare

pytest.importorskip("distributed", reason="dask is not installed: pip install 'guidance-bench[cluster]'")
SMALL = {"n": 40, "part": 20, "sample_seeds": [0], "sweeps": [{"sampler": "ddim", "steps": 2, "ws": [0, 2]}]}
pytestmark = pytest.mark.usefixtures("undrawn")


def study(runs, *more: object) -> list[str]:
    return ["study", "gaussians", *(word for one in sets(SMALL) for word in ("--set", one)), "--runs", *map(str, (runs, *more))]


@pytest.mark.slow
def test_a_study_on_the_cluster_has_the_table_of_this_process_and_is_found_again_and_remade(engine, tmp_path, capsys):
    there, alone = here(study(tmp_path / "there", "--cluster", engine.file), capsys), here(study(tmp_path / "here"), capsys)
    assert (there.returncode, alone.returncode) == (0, 0), there.stderr
    assert f"on the workers of {engine.file}; runs in" in there.stdout
    results = [folder(tmp_path / name, "gaussians") for name in ("here", "there")]
    tables = [read_table(result / "table.csv") for result in results]
    assert len(tables[0]) > 20 and not list(compare(*tables, 0.0))
    again = here(study(tmp_path / "there", "--cluster", "nowhere.json"), capsys)  # nothing is to be done: nobody is asked
    assert again.returncode == 0 and "on the workers" not in again.stdout
    words = ["verify", str(results[0]), "--remake", "--runs", str(tmp_path / "more"), "--cluster", str(engine.file)]
    assert f"{len(tables[0])} of {len(tables[0])} rows agree" in here(words, capsys).stdout


@pytest.mark.slow  # ten seconds; cells of a study: test_cluster.py
def test_a_classifier_trained_on_the_cluster_is_the_one_that_is_trained_here(engine, tmp_path, capsys):
    words = ["train", "classifier", "--set", "fit.steps=2", "--set", "fit.batch=8", "--runs"]
    # in a process of its own, as a user's is: one that had run a study of classifiers before was seen to wait for ever
    line = [sys.executable, "-m", "experiments", *words, str(tmp_path / "there"), "--cluster", str(engine.file)]
    there = subprocess.run(line, capture_output=True, text=True, timeout=200)
    alone = here([*words, str(tmp_path / "here")], capsys)
    assert there.returncode == 0 and there.stdout.splitlines()[:-1] == alone.stdout.splitlines()[:-1]
    weights = [load_file(folder(tmp_path / name, "classifier") / "model.safetensors") for name in ("here", "there")]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0] | weights[1])


def test_what_does_not_go_together_is_one_line(engine, tmp_path, capsys, monkeypatch):
    both = here(study(tmp_path, "--cluster", engine.file, "--workers", 2), capsys)
    assert both.returncode == 2 and "leave --workers out" in both.stderr and len(both.stderr.splitlines()) == 1
    monkeypatch.setattr(running, "travels", lambda task: False)  # as of a class that was typed into a notebook
    typed = here(study(tmp_path, "--cluster", engine.file), capsys)
    assert typed.returncode == 2 and "typed in here cannot go to a cluster: put it in a module" in typed.stderr


@pytest.mark.parametrize(("name", "content"), [("nowhere", None), ("empty.json", "{}"), ("broken.json", "{")])
def test_what_names_no_scheduler_is_one_line(name, content, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "LOOK", 0.01)
    where = name if content is None else tmp_path / name
    if content is not None:
        where.write_text(content)
    refused = here(study(tmp_path / "runs", "--cluster", where), capsys)
    assert refused.returncode == 2 and f"{where}" in refused.stderr and len(refused.stderr.splitlines()) == 1


def test_a_file_that_is_waited_for_is_said(tmp_path, monkeypatch):
    for name, seconds in (("LOOK", 0.01), ("TIMEOUT", 0.05), ("PATIENCE", 0.5)):
        monkeypatch.setattr(cluster, name, seconds)
    told: list[str] = []
    with pytest.raises(Problem, match="--scheduler-file"), cluster.connected(f"{tmp_path / 's.json'}", tmp_path, told.append):
        pass
    assert len(told) == 1 and "waiting" in told[0]


@pytest.mark.slow
def test_a_training_that_fails_there_fails_here(engine, tmp_path):
    from toys import Cell

    from experiments.train_command import make_there

    with pytest.raises(Problem, match="w is too large"):
        make_there(Cell(does="value"), Store(tmp_path), str(engine.file), "cpu")
