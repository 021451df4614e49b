"""The pool of processes: one thread each, what it costs to start one, and that none outlives the command."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from toys import PACKAGES, Cell, Sum, litter, make

from experiments.graph.executors import Here, executor, one_thread
from experiments.graph.store import Store
from experiments.problems import Problem

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}"}


def threads() -> tuple[int, list[int]]:
    import torch
    from threadpoolctl import threadpool_info

    return torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]


@pytest.fixture(scope="module")
def pool():
    import torch

    torch.set_num_threads(2)
    with executor(2, PACKAGES) as pool:
        yield pool


@pytest.mark.slow
def test_a_worker_and_this_process_use_one_thread(pool):
    """Two on any machine otherwise: OMP_NUM_THREADS of this process is 1, so it is set to 2 in one of its own."""
    assert pool.submit(threads).result() == (1, [1] * len(threads()[1])) or set(pool.submit(threads).result()[1]) == {1}
    script = textwrap.dedent("""
        from test_graph_pool import PACKAGES, threads
        from experiments.graph.executors import executor
        import torch
        torch.set_num_threads(2)
        if __name__ == "__main__":
            for workers in (1, 2):
                with executor(workers, PACKAGES) as pool:
                    torch_threads, others = pool.submit(threads).result()
                assert torch_threads == 1 and len(others) >= 3 and set(others) == {1}, (workers, torch_threads, others)
            assert torch.get_num_threads() == 2
    """)
    subprocess.run([sys.executable, "-c", script], check=True, env={**ENVIRONMENT, "OMP_NUM_THREADS": "2"})


def test_one_thread_is_for_a_block_or_for_good():
    import torch

    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    one_thread()
    assert torch.get_num_threads() == 1


def test_in_this_process_an_error_is_the_futures():
    def bad():
        raise MemoryError

    assert isinstance(Here().submit(bad).exception(), MemoryError) and Here().submit(max, 1, 2).result() == 2
    with pytest.raises(KeyboardInterrupt):
        Here().submit(interrupted)


def interrupted() -> None:
    raise KeyboardInterrupt


def test_two_processes_make_what_one_makes(tmp_path):
    cells = tuple(Cell(w=w, of=(Cell(w=-1),)) for w in range(6))
    one, two = (Store(tmp_path / name) for name in ("one", "two"))
    outcome = make(one.root, Sum(of=cells)), make(two.root, Sum(of=cells), workers=2)
    assert outcome[0] == outcome[1] and outcome[0].made == 8
    assert [one.seal(cell) for cell in cells] == [two.seal(cell) for cell in cells]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_one_line(tmp_path):
    with pytest.raises(Problem, match=r"a worker process was killed from outside: .*fewer --workers.*kept"):
        make(tmp_path, Cell(w=1), Cell(w=2, does="kill"), workers=2)
    assert make(tmp_path, Cell(w=1)).made in (0, 1) and not [path for path in litter(tmp_path) if Cell(w=1).address in str(path)]


COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has in the background ignored
from contextlib import contextmanager
from pathlib import Path
import typer
from toys import Cell, make
from experiments.__main__ import resumable
@contextmanager
def ended():
    try:
        yield
    except typer.Exit as done:
        sys.exit(done.exit_code)
if __name__ == "__main__":
    with ended(), resumable():
        make(Path(sys.argv[1]), *(Cell(w=w, does=f"while {sys.argv[2]}", log=sys.argv[3]) for w in range(4)), workers=2)
"""


def below(pid: int) -> set[int]:
    """The processes that come from one: of its session, which it leads."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found |= {int(entry.name)} if int(fields[3]) == pid and fields[0] != "Z" else set()
            except OSError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted in /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_command(tmp_path, how):
    (gate := tmp_path / "gate").touch()
    (script := tmp_path / "command.py").write_text(COMMAND)
    words = [sys.executable, str(script), str(tmp_path / "runs"), str(gate), str(tmp_path / "log")]
    command = subprocess.Popen(words, env=ENVIRONMENT, start_new_session=True, stderr=subprocess.PIPE, text=True)
    until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() == "xx")
    assert len(below(command.pid)) >= 4  # itself, the fork server, two workers
    if how == signal.SIGKILL:
        command.send_signal(how)
    else:
        os.killpg(command.pid, how)  # as a terminal does
    _, said = command.communicate(timeout=60)
    until(lambda: not below(command.pid))
    assert command.returncode == (130 if how == signal.SIGINT else -9)
    assert how == signal.SIGKILL or said.strip() == "guidance-bench: stopped; the same command goes on from here"
    gate.unlink()
    store = Store(tmp_path / "runs")
    assert not list(store.root.glob("cell-*"))
    cells = [Cell(w=w, does=f"while {gate}", log=str(tmp_path / "log")) for w in range(4)]
    assert make(store.root, *cells).made == 4 and not litter(store.root)


def until(true, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


NOTEBOOK = '''
import linecache, sys
import __main__
assert not hasattr(__main__, "__file__")
def cell(text):
    name = f"<ipython-input-{len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), vars(__main__))

cell("""
from pathlib import Path
from toys import Cell, Sum, make
from experiments.graph.store import Store
runs = Path(sys.argv[1])
print(make(runs, Sum(of=tuple(Cell(w=w) for w in range(3))), workers=2).made)
""")
cell("""
from experiments.graph.value import value
from experiments.graph.task import Task
from experiments.studies.running import travels
@value
class Mine(Task):
    files = ("x.json",)
    w: float = 1.0
    def run(self, folder, store, device):
        (folder / "x.json").write_text("1")
print(travels(Mine()), travels(Cell()), make(runs, Mine()).made, make(runs, Mine()).made)
""")
'''


@pytest.mark.slow
def test_it_works_where_main_has_no_file_as_in_a_notebook(tmp_path):
    done = subprocess.run([sys.executable, "-c", NOTEBOOK, str(tmp_path)], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stdout.split() == ["4", "False", "True", "1", "0"], done.stderr
