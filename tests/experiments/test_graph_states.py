"""Found, missing, or stale with a reason; and the two answers to stale."""

import json
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
from toys import Cell, Part, Sum, make

from experiments.graph.files import read_json, write_json
from experiments.graph.run import plan
from experiments.graph.store import FOUND, MISSING, Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.graph.verify import describe
from experiments.problems import Problem, StaleRun


def toy(scale: float, files: tuple[str, ...] = ("x.json",)) -> type[Task]:
    """A class of one name whose default changes."""

    @value
    class Toy(Task):
        w: float = 1.0
        part: tuple[Part, ...] = (Part(size=scale),)

        def run(self, folder, store, device):
            write_json(folder / "x.json", self.w)

    Toy.files = files
    return Toy


def other_code(path: Path) -> None:
    """Lets a run have been made by another code."""
    found = read_json(path / "manifest.json")
    write_json(path / "manifest.json", found | {"code": {**found["code"], "toys": "0" * 16}})


def test_what_was_made_is_found_and_is_not_made_again(tmp_path):
    log = tmp_path / "log"
    child = Cell(w=2, of=(Cell(w=1, log=str(log)),), log=str(log))
    assert Store(tmp_path).state(child) == (MISSING,)
    assert make(tmp_path, child).made == 2
    assert Store(tmp_path).state(child) == (FOUND,)
    again = make(tmp_path, child)
    assert (again.made, log.read_text()) == (0, "xx") and not plan([child], Store(tmp_path)).wanted


def test_equal_values_are_one_run_and_a_default_moves_no_address():
    assert Cell(w=1).address == Cell(w=1.0).address == Cell(w=1, part=Part()).address
    assert Cell(w=0.0).address == Cell(w=-0.0).address
    assert len({Cell(w=w, of=of).address for w in (0, 1) for of in ((), (Cell(w=0),), (Cell(w=1),))}) == 6


def test_a_changed_default_is_noticed_inside_a_list_too(tmp_path):
    then, now = toy(1.0)(), toy(2.0)()
    assert then.address == now.address
    make(tmp_path, then)
    with pytest.raises(Problem, match=r"made with part\.0\.size = 1\.0, which is 2\.0 now"):
        make(tmp_path, now)
    assert "made with part.0.size = 1.0, which is 2.0 now" in plan([now], Store(tmp_path)).question()


def test_a_new_field_with_a_default_is_no_change(tmp_path):
    make(tmp_path, Cell(w=1))
    config = read_json(Store(tmp_path).path(Cell(w=1)) / "config.json")
    del config["values"]["part"]["name_of_it"], config["values"]["log"]
    write_json(Store(tmp_path).path(Cell(w=1)) / "config.json", config)
    assert Store(tmp_path).state(Cell(w=1)) == (FOUND,)


def test_another_code_is_a_reason(tmp_path):
    make(tmp_path, Cell())
    other_code(Store(tmp_path).path(Cell()))
    assert Store(tmp_path).state(Cell()) == ("made by a different version of toys",)
    with pytest.raises(
        StaleRun, match=r"^\S+/cell-\w+ was made by a different version of toys: --remake makes it again, --accept keeps it"
    ):
        make(tmp_path, Cell())
    assert "--remake" in plan([Cell()], Store(tmp_path)).question() and "explain" in plan([Cell()], Store(tmp_path)).question()


def test_a_parent_made_again_with_other_bytes_makes_stale_and_with_the_same_bytes_it_does_not(tmp_path):
    parent = Cell(w=1)
    child, store = Cell(of=(parent,)), Store(tmp_path)
    make(tmp_path, child)
    shutil.rmtree(store.path(parent))
    assert make(tmp_path, child).made == 1  # same bytes, another time.json, another date
    assert store.state(child) == (FOUND,)
    shutil.rmtree(store.path(parent))
    make(tmp_path, parent)
    (store.path(parent) / "x.json").write_text("[7.0, []]")
    forge(store.path(parent))
    assert Store(tmp_path).state(child) == (f"made from a different {parent.address}",)


def test_a_parent_that_comes_out_otherwise_while_the_graph_runs_is_a_question_then(tmp_path):
    parent = Cell(w=1)
    child, store = Cell(of=(parent,)), Store(tmp_path)
    make(tmp_path, child)
    write_json(
        store.path(child) / "manifest.json", read_json(store.path(child) / "manifest.json") | {"parents": {parent.address: "0"}}
    )
    shutil.rmtree(store.path(parent))
    with pytest.raises(StaleRun, match=f"made from a different {parent.address}"):
        make(tmp_path, child)
    assert make(tmp_path, child, remake=True).made == 1 and store.state(child) == (FOUND,)


def forge(path: Path) -> None:
    """Makes the manifest of a run name the bytes that are there."""
    from experiments.graph.files import sha256

    found = read_json(path / "manifest.json")
    write_json(path / "manifest.json", found | {"files": {name: sha256(path / name) for name in found["files"]}})


def test_remake_makes_what_is_stale_again_and_nothing_else(tmp_path):
    log, store = tmp_path / "log", Store(tmp_path / "runs")
    cells = [Cell(w=w, log=str(log)) for w in range(3)]
    make(store.root, *cells)
    other_code(store.path(cells[1]))
    assert make(store.root, *cells, remake=True).made == 1 and log.read_text() == "xxxx"
    assert all(store.state(one) == (FOUND,) for one in cells)


def test_accept_is_kept_and_told_and_moves_no_other_run(tmp_path):
    parent = toy(1.0)()
    now = toy(2.0)()
    make(tmp_path, parent)
    make(tmp_path, child := Cell(of=(parent,), does="nothing-special"))
    store, path = Store(tmp_path), Store(tmp_path).path(parent)
    other_code(path)
    made = (path / "x.json").stat().st_mtime_ns
    store.accept(now)
    assert Store(tmp_path).state(now) == (FOUND,) and Store(tmp_path).state(child) == (FOUND,)
    (accepted,) = read_json(path / "manifest.json")["accepted"]
    assert accepted["although"][0].startswith("made with part.0.size = 1.0") and (path / "x.json").stat().st_mtime_ns == made
    assert accepted["code"] == {"toys": "0" * 16}
    assert any("although it was made with part.0.size" in line for line in describe(path))
    store.accept(now)  # what is found is no question
    assert len(read_json(path / "manifest.json")["accepted"]) == 1


def test_a_report_is_made_anew_without_a_question(tmp_path):
    cells = (Cell(w=1), Cell(w=2))
    report, store = Sum(of=cells), Store(tmp_path)
    assert make(tmp_path, report).made == 3 and make(tmp_path, report).made == 0
    other_code(store.path(report))
    assert not plan([report], store).stale and make(tmp_path, report).made == 1
    other_code(store.path(cells[0]))
    assert list(plan([report], Store(tmp_path)).stale) == [cells[0].address]
    make(tmp_path, report, remake=True)
    assert store.state(report) == (FOUND,)


def test_a_report_forgets_a_cell_that_is_gone_and_cannot_be_made(tmp_path):
    cells = (Cell(w=1), Cell(w=2, does="value"))
    report, store = Sum(of=cells), Store(tmp_path)
    make(tmp_path, *cells[:1])
    shutil.copytree(store.path(cells[0]), tmp_path / "kept")
    assert make(tmp_path, report).failed
    assert "made of" not in " ".join(store.state(report))
    shutil.rmtree(store.path(cells[0]))
    assert store.state(report) == (f"made from {cells[0].address}, which no longer exists",)


def test_the_manifest_says_all_of_it(tmp_path):
    parent = Cell(w=1)
    make(tmp_path, child := Cell(of=(parent,)))
    path = Store(tmp_path).path(child)
    found, config = json.loads((path / "manifest.json").read_text()), json.loads((path / "config.json").read_text())
    assert set(found["files"]) == {"x.json", "time.json", "config.json", "provenance.json"} and found["clocked"] == ["time.json"]
    assert found["parents"] == {parent.address: Store(tmp_path).seal(parent)} and "toys" in found["code"]
    assert config["values"]["of"] == [{"task": parent.address}] and config["identity"] == child.identity
    assert config["values"]["part"] == {"is": "Part", "size": 1.0, "name_of_it": "a"}
    machine = json.loads((path / "provenance.json").read_text())["machine"]
    assert set(machine) >= {"processor", "instructions", "torch", "blas"}


def test_what_is_played_lends_its_code_to_what_is_made_of_it():
    @value
    class Network(Task):
        played: ClassVar[bool] = True
        part: Part = Part()

        def run(self, folder, store, device): ...

    Network.__module__ = "json"  # stands for the file of a network
    assert any(name.startswith("json") for name in Cell(of=(Network(),)).code)
    Network.played = False
    assert not any(name.startswith("json") for name in Cell(w=2, of=(Network(),)).code)


def test_an_unfinished_run_of_another_code_or_of_other_parents_is_not_gone_on_from(tmp_path, monkeypatch):
    parent = Cell(w=1)
    store, child = Store(tmp_path), Cell(of=(parent,))
    before = store.partial(child)
    make(tmp_path, parent)
    after = store.partial(child)
    monkeypatch.setitem(vars(child), "code", {**child.code, "toys": "0"})
    assert len({before, after, store.partial(child)}) == 3
    after.mkdir(parents=True)
    monkeypatch.undo()
    make(tmp_path, child)
    assert not list((tmp_path / ".partial").iterdir())
