"""A graph on dask's workers: two real ones on loopback, which are killed, edited, taken away and given other folders."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from engine import Engine, until
from test_graph_pool import threads
from toys import Cell, Sum, litter, make

from experiments.cluster import connected
from experiments.graph.run import plan, run
from experiments.graph.store import Store
from experiments.problems import Problem

pytest.importorskip("distributed", reason="dask is not installed: pip install 'guidance-bench[cluster]'")


def make_there(engine: Engine, root: Path, *tasks, **options):
    """As toys.make, on the engine."""
    store = Store(root)
    with connected(str(engine.file), root) as workers:
        return run(plan(tasks, store), store, workers, workers.workers, **options)


def ask(engine: Engine, root: Path, function, *more, device: str = "cpu", task: Cell | None = None, **changes):
    """What a function of (store, task, device, *more) returns on a worker; changes: of what the worker has to share."""
    with connected(str(engine.file), root) as there:
        there.command = replace(there.command, **changes)
        return there.submit(function, Store(root), task or Cell(), device, *more).result(60)


def look(store, task, device):
    from distributed import get_worker

    return get_worker().address, device, os.getcwd(), str(store.root), threads()


@pytest.mark.slow
def test_two_workers_make_what_one_process_makes(engine, tmp_path, monkeypatch):
    """The folder of runs is a relative path, and the workers began elsewhere."""
    monkeypatch.chdir(tmp_path)
    cells = tuple(Cell(w=w, of=(Cell(w=-1),)) for w in range(6))
    one, two = Store(Path("one")), Store(Path("two"))
    assert make(one.root, Sum(of=cells)) == make_there(engine, two.root, Sum(of=cells))
    assert [one.seal(cell) for cell in cells] == [two.seal(cell) for cell in cells]
    assert (one.path(Sum(of=cells)) / "table.csv").read_text() == (two.path(Sum(of=cells)) / "table.csv").read_text()
    assert not litter(two.root)


@pytest.mark.slow
def test_a_worker_has_one_thread_and_chooses_its_device_and_stands_where_the_command_does(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, device, folder, root, (torch_threads, others) = ask(engine, Path("runs"), look, device="auto")
    assert (device in ("cpu", "cuda"), folder, root) == (True, str(tmp_path), str(tmp_path / "runs"))
    assert torch_threads == 1 and set(others) == {1}


@pytest.mark.slow
def test_a_task_that_fails_fails_once_and_the_others_go_on(engine, tmp_path):
    bad = Cell(w=1, does="value", log=str(tmp_path / "log"))
    outcome = make_there(engine, tmp_path / "runs", Sum(of=(bad, Cell(w=2))))
    assert outcome.made == 2 and list(outcome.failed.values()) == [f"{bad.address}: w is too large"]
    assert (tmp_path / "log").read_text() == "x"
    with pytest.raises(Problem, match="the file of the world is not there"):
        make_there(engine, tmp_path / "runs", Cell(w=3, does="problem"))


def test_a_worker_that_does_not_see_the_folder_of_runs_says_so(engine, tmp_path):
    said = "the worker tcp://127.0.0.1:.* on .* does not see the folder /nowhere/runs of this command: give --runs one that all"
    with pytest.raises(Problem, match=said):
        ask(engine, tmp_path, look, seen=Path("/nowhere/runs/.scratch/seen"))
    assert not list(tmp_path.rglob("seen*"))


def test_a_worker_with_another_version_of_a_library_says_which(engine, tmp_path):
    with connected(str(engine.file), tmp_path) as there:
        there.command = replace(there.command, code={**there.command.code, "torch": "0.1"})
        with pytest.raises(Problem, match=r"has torch \d.*, this command 0\.1: start the workers anew, from the same checkout"):
            there.submit(look, Store(tmp_path), Cell(), "cpu").result(60)


def test_a_worker_with_other_code_of_the_task_says_which(engine, tmp_path):
    task = Cell(w=5)
    vars(task)["code"] = {**task.code, "toys": "0123"}
    with pytest.raises(Problem, match="has toys [0-9a-f]{16}, this command 0123"):
        ask(engine, tmp_path, look, task=task)


MINE = """
from toys import Cell
from experiments.graph.value import value
@value
class Mine(Cell):
    more: float = {more}
"""


def test_a_module_that_was_edited_after_a_worker_loaded_it_is_refused(engine, tmp_path, monkeypatch):
    """Its digest would be that of the new file, its code that of the old one."""
    (file := tmp_path / "loaded_early.py").write_text(MINE.format(more=1))
    os.utime(file, (1, 1))
    monkeypatch.syspath_prepend(tmp_path)
    with connected(str(engine.file), tmp_path / "runs") as there:
        there.client.run(load, str(tmp_path))
        file.write_text(MINE.format(more=2))
        from loaded_early import Mine

        with pytest.raises(Problem, match="began before .*loaded_early.py was edited: start the workers anew"):
            there.submit(look, Store(tmp_path / "runs"), Mine(), "cpu").result(60)


def load(folder: str) -> None:
    sys.path.insert(0, folder)
    import loaded_early  # noqa: F401

    sys.path.remove(folder)


def test_a_new_module_of_the_user_travels_and_a_class_of_a_script_does_not(engine, tmp_path, monkeypatch):
    (tmp_path / "brought.py").write_text(MINE.format(more=1))
    monkeypatch.syspath_prepend(tmp_path)
    from brought import Mine

    assert make_there(engine, tmp_path / "runs", Mine(w=1)).made == 1
    monkeypatch.setattr(Mine, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Mine", Mine, raising=False)
    with pytest.raises(Problem, match="cannot load a task .*Mine.*: is all of its code in modules that are there"):
        ask(engine, tmp_path / "runs", look, task=Mine(w=2))


@pytest.mark.slow
def test_gpus_are_resources(engine, tmp_path):
    gpu = engine.worker("--resources", "GPU=1", "--name", "with")
    with connected(str(engine.file), tmp_path / "runs") as there:
        until(lambda: len(there.client.nthreads()) == 3)
        workers = there.client.scheduler_info()["workers"]
        (announced,) = [address for address, worker in workers.items() if worker["name"] == "with"]
        asked = {device: [there.submit(look, Store(tmp_path), Cell(w=w), device) for w in range(9)] for device in ("auto", "cpu")}
        assert {one.result(60)[0] for one in asked["auto"]} == {announced}
        assert {one.result(60)[0] for one in asked["cpu"]} != {announced}
    gpu.kill()


@pytest.mark.slow
def test_a_worker_of_two_threads_is_refused(engine, tmp_path):
    two = engine.worker("--resources", "GPU=1", threads=2)  # the one that gets the task
    with connected(str(engine.file), tmp_path / "runs") as there:
        until(lambda: 2 in there.client.nthreads().values())
        with pytest.raises(Problem, match="has 2 threads: start workers with --nthreads 1, as many as there are cores or GPUs"):
            there.submit(look, Store(tmp_path), Cell(), "auto").result(60)
    two.kill()
