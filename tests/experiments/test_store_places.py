"""Where a store is to be: something else in its place, locks that are none, a full disk; one line, and nothing is lost."""

import os
import resource
import shutil
import signal

import pytest
from toys import Cell, litter, make

from experiments.graph.files import put
from experiments.graph.store import Store
from experiments.problems import Problem


@pytest.mark.parametrize("place", ["file", "dangling", "pipe"])
def test_something_else_in_the_place_of_a_run_stays_and_is_named(tmp_path, place):
    path = Store(tmp_path).path(Cell(w=1))
    {"file": path.touch, "dangling": lambda: path.symlink_to("nowhere"), "pipe": lambda: os.mkfifo(path)}[place]()
    with pytest.raises(Problem, match="is not a run folder: remove it"):
        make(tmp_path, Cell(w=1))
    assert os.path.lexists(path)


@pytest.mark.parametrize("place", ["file", "file/below", "dangling", "x" * 300, "loop"])
def test_a_store_that_cannot_be_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "file" / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Problem, match="choose another --runs"):
        make(tmp_path / place, Cell())


def test_a_lock_that_is_a_link_empties_nothing(tmp_path):
    (tmp_path / ".locks").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".locks" / Cell().address).symlink_to(tmp_path / "precious")
    with pytest.raises(Problem, match="cannot use"):
        make(tmp_path, Cell())
    (tmp_path / ".locks" / Cell().address).unlink()
    os.link(tmp_path / "precious", tmp_path / ".locks" / Cell().address)
    assert make(tmp_path, Cell()).made == 1 and (tmp_path / "precious").read_text() == "precious"


@pytest.mark.timeout(30)
def test_a_lock_that_is_a_pipe_does_not_hang(tmp_path):
    (tmp_path / ".locks").mkdir()
    os.mkfifo(tmp_path / ".locks" / Cell().address)
    assert make(tmp_path, Cell()).made == 1


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    """The limit on a file's size stands in for the full disk: the same code path, without root."""
    monkeypatch.setattr(Cell, "run", lambda self, folder, store, device: (folder / "x.json").write_bytes(b"0" * 50_000) and None)
    old, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, old[1]))
        with pytest.raises(Problem, match=r"no room to write .* make room"):
            make(tmp_path, Cell())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.glob("cell-*")) and not litter(tmp_path) and not (tmp_path / ".failed").exists()


def test_what_changes_places_is_there_always_also_where_names_cannot_be_exchanged(tmp_path, monkeypatch):
    import experiments.graph.files as files

    for exchange in (files._exchange, lambda one, other: False):
        monkeypatch.setattr(files, "_exchange", exchange)
        for name in ("new", "place"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "x").write_text(name)
        put(tmp_path / "new", tmp_path / "place")
        assert (tmp_path / "place" / "x").read_text() == "new"
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        assert {path.name for path in tmp_path.iterdir()} == {"place"}
    monkeypatch.undo()
    if os.uname().sysname == "Linux":
        (tmp_path / "new").mkdir()
        assert files._exchange(tmp_path / "new", tmp_path / "place") and (tmp_path / "new" / "x").exists()
