"""Several processes at one store: a run is made once, a report is always there, and a kill leaves nothing half-written."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from test_graph_pool import ENVIRONMENT, until
from toys import Cell, Sum, litter, make

from experiments.graph.files import read_json, write_json
from experiments.graph.store import FOUND, Store
from experiments.graph.verify import verify_store


def command(text: str, *words: object, **options: object) -> subprocess.Popen:
    head = "import sys\nfrom pathlib import Path\nfrom toys import Cell, Sum, make\nfrom experiments.graph.store import Store\n"
    words = (sys.executable, "-c", head + text, *map(str, words))
    return subprocess.Popen(words, env=ENVIRONMENT, start_new_session=True, text=True, **options)


TWO = """
import os, torch
child = os.fork()
{}
sys.stdout.flush()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def both(text: str, *words: object, **options: object) -> subprocess.Popen:
    """Two processes that do this, of which one has forked the other: torch is imported once. It ends with the other, and fails
    where one of them does.
    """
    return command(TWO.format(text), *words, **options)


@pytest.mark.slow
def test_two_processes_make_each_run_once(tmp_path):
    log = tmp_path / "log"
    text = "make(Path(sys.argv[1]), Sum(of=tuple(Cell(w=w, log=sys.argv[2]) for w in range(20))))"
    assert both(text, tmp_path / "runs", log).wait(100) == 0
    assert log.read_text() == 20 * "x" and len(list((tmp_path / "runs").glob("cell-*"))) == 20


@pytest.mark.slow  # three commands, which import everything
def test_a_finished_report_is_there_while_three_commands_replace_it(tmp_path):
    """Old or new, and whole: seen by somebody who looks all the time."""
    cells = tuple(Cell(w=w) for w in range(3))
    report, store = Sum(of=cells), Store(tmp_path)
    make(tmp_path, report)
    table = store.path(report) / "table.csv"
    whole = table.read_text()
    text = """
import time
from experiments.graph.files import read_json, write_json
report, store = Sum(of=tuple(Cell(w=w) for w in range(3))), Store(Path(sys.argv[1]))
for _ in range(6):
    manifest = store.path(report) / "manifest.json"
    try:
        write_json(manifest, read_json(manifest) | {"code": {}})
    except Exception: pass
    try:
        make(store.root, report)
    except Exception: pass
"""
    commands = [command(text, tmp_path) for _ in range(3)]
    looks, made = 0, set()
    while any(one.poll() is None for one in commands):
        assert table.read_text() == whole
        made.add(((found := os.stat(table)).st_ino, found.st_mtime_ns))  # the number of a file that is gone is given again
        looks += 1
        time.sleep(0.001)
    assert looks > 100 and len(made) > 5
    make(tmp_path, report)
    assert store.state(report) == (FOUND,) and not litter(tmp_path)


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_a_kill_leaves_nothing_half_written_and_the_next_command_finishes(tmp_path, count):
    text = """
store = Store(Path(sys.argv[1]))
print("begun", flush=True)
cells = tuple(Cell(w=w, of=(Cell(w=-1),)) for w in range(30))
make(store.root, Sum(of=cells), remake=True)
"""
    cells = tuple(Cell(w=w, of=(Cell(w=-1),)) for w in range(30))
    report, rng = Sum(of=cells), random.Random(0)
    for _ in range(count):
        killed = command(text, tmp_path)
        until(lambda: (tmp_path / ".locks").exists())
        time.sleep(rng.uniform(0, 0.3) + (0.8 if any(tmp_path.glob("cell-*")) else 0))
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait(30)
        assert all(why is None for path, why in verify_store(tmp_path) if path.name.startswith(("cell", "sum")))
        for one in list(tmp_path.glob("cell-*"))[:3]:  # so that there is something to do, and something to exchange
            write_json(one / "manifest.json", read_json(one / "manifest.json") | {"code": {"toys": "0"}})
    make(tmp_path, report, remake=True)
    assert not litter(tmp_path) and len(list(tmp_path.glob("cell-*"))) == 31
    assert all(why is None for _, why in verify_store(tmp_path))
