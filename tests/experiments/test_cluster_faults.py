"""What is lost: a worker in the middle of a cell, all of them, the scheduler, the command; and what was never there."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from engine import ENVIRONMENT, Engine, until
from test_cluster import make_there
from toys import Cell, Sum, litter, make

from experiments import cluster
from experiments.cluster import connected
from experiments.graph.run import plan, run
from experiments.graph.store import Store
from experiments.problems import Problem

pytest.importorskip("distributed", reason="dask is not installed: pip install 'guidance-bench[cluster]'")


@pytest.mark.slow
def test_the_cell_of_a_killed_worker_runs_again_and_every_cell_is_there_once(engine, tmp_path):
    (gate := tmp_path / "gate").touch()
    log = tmp_path / "log"
    cells = tuple(Cell(w=w, does=f"while {gate}", log=str(log)) for w in range(6))
    store = Store(tmp_path / "runs")
    victim = engine.workers.pop()
    with connected(str(engine.file), store.root) as there:
        until(lambda: there.client.nthreads() and len(there.client.nthreads()) == 2)
        planned = plan([Sum(of=cells)], store)
        with ThreadPoolExecutor() as beside:
            killed = beside.submit(kill_in_the_middle, victim, log, gate)
            outcome = run(planned, store, there, there.workers)
        killed.result()
    assert victim.returncode == -9 and outcome.made == 7 and not outcome.failed
    assert log.read_text() == 7 * "x"  # six cells, one of them twice
    engine.workers.append(engine.worker())
    make(tmp_path / "one", Sum(of=cells))
    assert [store.seal(cell) for cell in cells] == [Store(tmp_path / "one").seal(cell) for cell in cells]
    assert {path.name for path in store.root.glob("cell-*")} == {cell.address for cell in cells}


def kill_in_the_middle(victim, log, gate) -> None:
    until(lambda: log.exists() and log.read_text() == "xx")
    victim.kill()
    victim.wait(30)
    gate.unlink()


@pytest.mark.slow  # a cluster of its own
def test_a_task_that_kills_its_workers_is_named(tmp_path):
    """By default four times; here at the first."""
    engine, task = Engine(tmp_path, 1, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0"), Cell(w=2, does="kill")
    try:
        with pytest.raises(Problem, match=f"{task.address}: every worker that ran it died, 1 in all; finished runs are kept"):
            make_there(engine, tmp_path / "runs", task)
    finally:
        engine.close()


COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has in the background ignored
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import typer
from test_cluster import make_there
from toys import Cell
from experiments.options import resumable
class engine:
    file = sys.argv[1]
if __name__ == "__main__":
    try:
        with resumable():
            make_there(engine, Path(sys.argv[2]), *(Cell(w=w, does=f"while {sys.argv[3]}", log=sys.argv[4]) for w in range(8)))
    except typer.Exit as done:
        sys.exit(done.exit_code)
"""


@pytest.mark.slow  # a command of its own for each
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_has_not_begun_when_the_command_ends_never_does(engine, tmp_path, how):
    (gate := tmp_path / "gate").touch()
    (script := tmp_path / "command.py").write_text(COMMAND)
    runs, log = tmp_path / "runs", tmp_path / "log"
    words = [sys.executable, str(script), *map(str, (engine.file, runs, gate, log))]
    command = subprocess.Popen(words, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    until(lambda: log.exists() and log.read_text() == "xx")
    command.send_signal(how)
    _, said = command.communicate(timeout=60)
    if how == signal.SIGINT:
        assert command.returncode == 130 and said.strip() == "guidance-bench: stopped; the same command goes on from here"
    gate.unlink()
    until(lambda: len(list(runs.glob("cell-*"))) == 2)  # what had begun is finished, and kept
    assert log.read_text() == "xx"
    cells = [Cell(w=w, does=f"while {gate}", log=str(log)) for w in range(8)]
    outcome = make_there(engine, runs, *cells)
    assert (outcome.made, log.read_text()) == (6, 8 * "x") and not litter(runs)


@pytest.mark.slow  # five clusters
def test_workers_and_schedulers_that_are_lost_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)
    engine, runs = Engine(tmp_path, 0), tmp_path / "runs"
    gate = tmp_path / "gate"
    gate.touch()
    try:
        with pytest.raises(Problem, match="there was no worker at tcp://.* for 3 s: start some; finished runs are kept"):
            make_there(engine, runs, Cell(w=1))
        assert "there is no worker at tcp://127.0.0.1:" in capsys.readouterr().out
        worker = engine.worker()
        monkeypatch.setattr(cluster, "PATIENCE", 60.0)
        with connected(str(engine.file), runs) as there:
            until(lambda: there.client.nthreads())
            monkeypatch.setattr(cluster, "PATIENCE", 3.0)
            assert run(plan([Cell(w=1)], Store(runs)), Store(runs), there, there.workers).made == 1
            asked = there.submit(os_kill, Store(runs), Cell(w=2), "cpu")
            until(lambda: worker.poll() is not None)
            with pytest.raises(Problem, match="there was no worker"):
                until(lambda: there.workers() == 0, 30)
            assert not asked.done()
        engine.worker()
        monkeypatch.setattr(cluster, "PATIENCE", 60.0)
        said = "the scheduler .* is lost; finished runs are kept"
        with pytest.raises(Problem, match=said), connected(str(engine.file), runs) as there:
            asked = there.submit(wait, Store(runs), Cell(w=3), "cpu", str(gate))
            engine.scheduler.kill()
            asked.result(60)
        assert Store(runs).has(Cell(w=1)) and not litter(runs)
    finally:
        engine.close()


def os_kill(store, task, device):
    os.kill(os.getpid(), 9)


def wait(store, task, device, gate):
    until(lambda: not os.path.exists(gate))


@pytest.mark.slow
def test_no_scheduler_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.1)
    (tmp_path / "other.json").write_text(json.dumps({"address": "tcp://127.0.0.1:9"}))
    monkeypatch.setattr(cluster, "TIMEOUT", 1.0)
    for where, said in {
        "nowhere.json": "there is no file nowhere.json: `dask scheduler --scheduler-file nowhere.json` writes it",
        "tcp://127.0.0.1:9": "there is no dask scheduler at tcp://127.0.0.1:9",
        "": "there is no dask scheduler at",
        str(tmp_path / "other.json"): "there is no dask scheduler at .*other.json",
    }.items():
        with pytest.raises(Problem, match=said), connected(where, tmp_path):
            pass
    assert not list(tmp_path.rglob("seen*"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(Problem, match=r"--cluster needs dask .*pip install 'guidance-bench\[cluster\]'"),
        connected("x", tmp_path),
    ):
        pass
