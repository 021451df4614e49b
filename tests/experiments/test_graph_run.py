"""What fails, what goes on, what is left to others: a graph that is made."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from toys import ERRORS, Cell, Sum, litter, make

from experiments.graph.files import read_json, write_json
from experiments.graph.run import everything, plan, run
from experiments.graph.store import BUSY, FOUND, MADE, MISSING, Store
from experiments.problems import Problem


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("value", "w is too large"),
        ("key", "KeyError: 'a'"),
        ("bare", "RuntimeError"),
        ("exit", "SystemExit: 3"),
        ("file", "FileNotFoundError"),
        ("failed", "cell: not finite"),
        ("unspeakable", "Unspeakable"),
        ("nothing", "it did not write x.json"),
    ],
)
def test_a_cell_that_fails_is_told_and_kept_and_the_rest_is_made(tmp_path, does, said, workers):
    bad = Cell(w=2, does=does)
    child, report = Cell(w=3, of=(bad,)), Sum(of=(Cell(w=1), bad, Cell(w=4)))
    store, told = Store(tmp_path), {}
    outcome = make(tmp_path, report, child, workers=workers, tell=lambda task, what: told.update({task.address: what}))
    assert list(outcome.failed) == [bad.address] and list(outcome.unmade) == [child.address] and outcome.made == 3
    assert said in outcome.failed[bad.address] and "\n" not in outcome.failed[bad.address]
    assert bad.address in outcome.unmade[child.address] and said in told[bad.address]
    assert (store.path(report) / "table.csv").read_text() == "[1.0, []]\n[4.0, []]\nend\n"
    assert store.failure(bad) == outcome.failed[bad.address] and store.state(bad) == (MISSING,) and not litter(tmp_path)
    assert "Traceback" in read_json(tmp_path / ".failed" / f"{bad.address}.json")["traceback"]


@pytest.mark.parametrize("does", ["memory", "torch"])
def test_no_memory_is_one_line_and_blames_no_cell(tmp_path, does):
    with pytest.raises(Problem, match="memory is exhausted: set fewer --workers"):
        make(tmp_path, bad := Cell(does=does))
    assert Store(tmp_path).failure(bad) is None and not litter(tmp_path)


def test_a_problem_stops_all(tmp_path):
    with pytest.raises(Problem, match="file of the world"):
        make(tmp_path, bad := Cell(does="problem"))
    assert Store(tmp_path).failure(bad) is None


def test_a_failed_cell_is_tried_again_when_asked_or_when_something_of_it_changed(tmp_path, monkeypatch):
    log = tmp_path / "log"
    parent = Cell(w=5)
    bad = Cell(w=2, does="value", log=str(log), of=(parent,))
    for _ in range(3):
        assert list(make(tmp_path, bad).failed) == [bad.address]
    assert log.read_text() == "x"
    make(tmp_path, bad, retry=True)
    assert log.read_text() == "xx"
    note = tmp_path / ".failed" / f"{bad.address}.json"
    for change in ({"code": {"toys": "another"}}, {"parents": {parent.address: "another"}}, {"values": {"w": 3.0}}):
        write_json(note, read_json(note) | change)
        before = len(log.read_text())
        make(tmp_path, bad)
        assert len(log.read_text()) == before + 1, change
    for text in ("{", "[]", "{}", '{"reason": 1, "values": [], "code": 5, "parents": null}', "[" * 100_000):
        note.write_text(text)  # a broken note is no obstacle
        before = len(log.read_text())
        make(tmp_path, bad)
        assert len(log.read_text()) == before + 1
    monkeypatch.setitem(ERRORS, "value", None)
    monkeypatch.setattr(Cell, "run", lambda self, folder, store, device: write_json(folder / "x.json", 1))
    assert make(tmp_path, bad, retry=True).made == 1 and not note.exists()


def test_a_report_of_nothing_but_failures_is_not_made(tmp_path):
    bad = [Cell(w=w, does="value") for w in range(3)]
    outcome = make(tmp_path, report := Sum(of=tuple(bad)))
    assert len(outcome.failed) == 3 and list(outcome.unmade) == [report.address]


def test_a_long_chain_below_a_failure_is_no_recursion(tmp_path):
    task = Cell(does="value")
    for w in range(60):
        task = Cell(w=w, of=(task,))
    outcome = make(tmp_path, task)
    assert len(outcome.unmade) == 60
    wide = [Cell(w=w, of=(Cell(does="value"),)) for w in range(3000)]
    before = time.process_time()
    assert len(make(tmp_path, *wide).unmade) == 3000
    assert time.process_time() - before < 10


def test_parents_come_first_and_each_once():
    shared = Cell(w=1)
    tasks = list(everything([Cell(w=2, of=(shared,)), Cell(w=3, of=(shared, Cell(w=2, of=(shared,))))]))
    seen: set[str] = set()
    for task in tasks:
        assert all(parent.address in seen for parent in task.parents) and task.address not in seen
        seen.add(task.address)
    assert len(tasks) == 3


def test_the_longest_chain_is_begun_first(tmp_path):
    order: list[float] = []
    chain = Cell(w=3, of=(Cell(w=2, of=(Cell(w=1),)),))
    make(tmp_path, Cell(w=10), Cell(w=11), chain, tell=lambda task, what: order.append(task.w))
    assert order.index(1) == 0


def test_a_task_begins_as_soon_as_its_own_parents_are_there(tmp_path):
    """No phases: beside a slow task of the first floor the whole of another chain is made."""
    (gate := tmp_path / "gate").touch()
    slow, chain = Cell(w=9, does=f"while {gate}"), Cell(w=3, of=(Cell(w=2, of=(Cell(w=1),)),))
    order: list[float] = []

    def ended(task, what):
        order.append(task.w)
        if task.w == 3:
            gate.unlink()

    store = Store(tmp_path / "runs")
    with ThreadPoolExecutor(2) as pool:
        run(plan([slow, chain], store), store, pool, 2, tell=ended)
    assert order == [1, 2, 3, 9]


def test_what_another_is_making_is_left_to_it_and_waited_for(tmp_path):
    (gate := tmp_path / "gate").touch()
    log = tmp_path / "log"
    slow = Cell(w=1, does=f"while {gate}", log=str(log))
    store, order = Store(tmp_path / "runs"), []
    other = threading.Thread(target=lambda: Store(store.root).make(slow, "cpu"))
    other.start()
    while not log.exists():
        time.sleep(0.01)
    assert store.make(slow, "cpu", wait=False) == BUSY

    def ended(task, what):
        order.append((task.w, what))
        if len(order) == 2:
            gate.unlink()

    outcome = make(store.root, slow, Cell(w=4, of=(slow,)), Cell(w=2), Cell(w=3), tell=ended)
    other.join()
    assert [w for w, _ in order] == [2, 3, 1, 4] and dict(order)[1] == FOUND and outcome.found == 1 and log.read_text() == "x"


def test_a_parent_that_goes_while_the_graph_runs_is_one_line(tmp_path):
    import shutil

    parent, store = Cell(w=1), Store(tmp_path)
    child = Cell(w=2, of=(parent,))

    def ended(task, what):
        if task is parent:
            shutil.rmtree(store.path(parent))

    with pytest.raises(Problem, match=r"there is no run \S+cell-\w+: run the same command again to make it$"):
        make(tmp_path, child, tell=ended)
    assert not litter(tmp_path) and make(tmp_path, child).made == 2


def test_a_parent_that_is_exchanged_while_it_is_read_is_one_line(tmp_path, monkeypatch):
    parent, store = Cell(w=1), Store(tmp_path)
    child = Cell(w=2, of=(parent,))
    make(tmp_path, parent)

    def meddle(self, folder, store, device):
        path = store.path(parent)
        write_json(
            path / "manifest.json",
            read_json(path / "manifest.json") | {"files": {"x.json": "0", "config.json": "0", "provenance.json": "0"}},
        )
        write_json(folder / "x.json", 1)

    monkeypatch.setattr(Cell, "run", meddle)
    with pytest.raises(Problem, match="its inputs changed while it ran: run the same command again"):
        store.make(child, "cpu")
    assert not store.has(child) and not litter(tmp_path)


def test_tell_hears_of_each_task_once(tmp_path):
    heard: list[tuple[str, str]] = []
    bad = Cell(w=1, does="value")
    tasks = [bad, Cell(w=2, of=(bad,)), Cell(w=3)]
    make(tmp_path, *tasks, tell=lambda task, what: heard.append((task.address, what)))
    assert sorted(key for key, _ in heard) == sorted(task.address for task in tasks)
    assert dict(heard)[tasks[2].address] == MADE


def test_no_cell_waits_for_a_training_that_it_does_not_need(tmp_path):
    """The slow training ends when all cells of the quick one are there: with a barrier between the two it never would."""
    (gate := tmp_path / "gate").touch()
    slow, quick = Cell(w=1, does=f"while {gate}"), Cell(w=2)
    cells = [Cell(w=10 + i, of=(training,)) for i in range(4) for training in (slow, quick)]
    measures = [Sum(of=(cell,)) for cell in cells]
    ended = []

    def tell(task, what):
        ended.append(task)
        if len(ended) == 9:  # the quick one, its four cells and what is made of each
            gate.unlink()

    store = Store(tmp_path / "runs")
    with ThreadPoolExecutor(2) as pool:
        outcome = run(plan([Sum(of=tuple(cells)), *measures], store), store, pool, 2, tell=tell)
    assert outcome.made == 19 and slow not in ended[:9]
    assert ended[0] == quick and all(quick in (task, *task.parents, *task.parents[0].parents) for task in ended[1:9])
