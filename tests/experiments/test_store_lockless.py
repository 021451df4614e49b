"""Two commands on one folder where files cannot be locked: both compute, a rename decides, and the loser takes the winner's."""

import errno
import fcntl
import os
import socket
import subprocess

import pytest
from test_graph_pool import until
from test_store_processes import both
from toys import Cell, Sum, litter, make

from experiments.graph.files import read_json, write_json
from experiments.graph.locks import scratch
from experiments.graph.store import FOUND, Store
from experiments.graph.verify import verify_store
from experiments.problems import Failed, Problem

LOCKLESS = """
import errno, fcntl
def flock(handle, how):
    raise OSError(errno.ENOLCK, "no locks available")
fcntl.flock = flock
"""
GRANTED = "import fcntl\nfcntl.flock = lambda handle, how: None\n"  # as some file systems do, to two machines at once
GATED = """
cells = tuple(Cell(w=w, does=f"while {sys.argv[3]}", log=sys.argv[2]) for w in range(3))
outcome = make(Path(sys.argv[1]), *cells)
print(outcome.made, outcome.found, len(outcome.failed))
"""


@pytest.mark.slow
@pytest.mark.parametrize("locks", [LOCKLESS, GRANTED])
def test_both_make_each_run_and_one_of_each_is_kept(tmp_path, locks):
    runs, log, gate = tmp_path / "runs", tmp_path / "log", tmp_path / "gate"
    gate.touch()
    two = both(locks + GATED, runs, log, gate, stdout=subprocess.PIPE)
    until(lambda: log.exists() and log.read_text() == "xx")  # both are in the middle of the first cell
    gate.unlink()
    said = [[int(word) for word in line.split()] for line in two.communicate(timeout=60)[0].splitlines()]
    assert two.returncode == 0 and len(said) == 2
    assert sum(made for made, _, _ in said) == 3 and all(made + found == 3 and not failed for made, found, failed in said)
    assert not litter(runs) and [why for _, why in verify_store(runs)] == [None] * 3


def refused(handle: int, how: int) -> None:
    raise OSError(errno.ENOLCK, "no locks")


@pytest.fixture
def lockless(monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("how", ["slower", "late", "robbed", "failing"])
def test_the_loser_takes_the_winners_at_whatever_moment_it_loses(tmp_path, monkeypatch, lockless, how):
    """robbed: the winner removed checkpoints that both wrote, and the loser reads its own. late: just before the rename."""
    from experiments.graph import store as module

    store, task, seal, look = Store(tmp_path), Cell(w=1), [], Store.state
    does = module.attempt

    def wins(*args):
        monkeypatch.undo()
        monkeypatch.setattr(fcntl, "flock", refused)
        assert make(tmp_path, task).made == 1
        seal.append((store.seal(task), store.path(task).stat().st_ino))

    def attempt(task, folder, its, device):
        if how == "late":
            monkeypatch.setattr(Store, "state", late)
        else:
            wins()
        if how == "robbed":
            raise FileNotFoundError(2, "No such file", str(tmp_path / ".partial" / "x"))
        if how == "failing":
            raise Failed("of no use")
        does(task, folder, its, device)

    def late(*args):
        seen = look(*args)
        wins()
        return seen

    monkeypatch.setattr(module, "attempt", attempt)
    assert make(tmp_path, task).found == 1
    assert [(store.seal(task), store.path(task).stat().st_ino)] == seal
    assert store.state(task) == (FOUND,) and store.failure(task) is None and not litter(tmp_path)


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_whatever_says_that_there_are_no_locks_is_taken_as_such(tmp_path, monkeypatch, error):
    def none(handle, how):
        raise OSError(error, "no locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    assert make(tmp_path, Cell(w=1), Cell(w=2)).made == 2 and not litter(tmp_path)


def test_without_a_winner_an_error_stays_an_error(tmp_path, lockless):
    assert make(tmp_path, Cell(w=1, does="value")).failed
    with pytest.raises(Problem, match="cannot use /somewhere|No such file|the file of the world"):
        make(tmp_path, Cell(w=2, does="problem"))


def test_a_stale_report_is_exchanged_without_locks(tmp_path, lockless):
    report, store = Sum(of=(Cell(w=1),)), Store(tmp_path)
    make(tmp_path, report)
    manifest = store.path(report) / "manifest.json"
    write_json(manifest, read_json(manifest) | {"code": {}})
    assert make(tmp_path, report).made == 1 and store.state(report) == (FOUND,) and not litter(tmp_path)


def test_another_error_of_a_lock_is_one(tmp_path, monkeypatch):
    def broken(handle, how):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(Problem, match="broken"):
        make(tmp_path, Cell(w=1))


def test_a_scratch_folder_is_of_one_process_and_those_of_the_dead_are_removed(tmp_path):
    place, host = tmp_path / "cell-1", socket.gethostname()
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = {
        f"cell-1.{host}.{dead.pid}.aa": False,
        f"cell-1.{host}.{os.getpid()}.aa": True,
        f"cell-1.elsewhere.{dead.pid}.aa": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
    with scratch(place) as one, scratch(place) as two:
        assert one != two and one.is_dir() and two.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {name for name, kept in names.items() if kept}
