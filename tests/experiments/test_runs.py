"""A run is whole or absent, is made once, and is not believed when it was altered."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from toy import Toy

from experiments.graph.files import write_json
from experiments.graph.manifest import SCHEMA
from experiments.graph.store import BUSY, FOUND, MADE, Store
from experiments.graph.value import encode
from experiments.graph.verify import verify_run
from experiments.problems import Failed, Problem
from experiments.registry import STUDIES
from experiments.settings import override
from experiments.studies.decode import KINDS
from experiments.studies.study import Report


def made(root: Path) -> Path:
    """A run of the toy."""
    store = Store(root)
    store.make(Toy(), "cpu")
    return store.path(Toy())


def test_a_run_is_made_once_and_found_the_next_time(tmp_path, monkeypatch):
    store, calls, build = Store(tmp_path / "runs"), [], Toy.run

    def counting(self, folder, *rest):
        calls.append(folder)
        build(self, folder, *rest)

    monkeypatch.setattr(Toy, "run", counting)
    assert store.make(Toy(), "cpu") == MADE
    first = store.open(Toy())
    assert store.make(Toy(a=1, b=0.5), "cpu") == FOUND and store.open(Toy(a=1, b=0.5)) == first and len(calls) == 1
    assert store.make(Toy(a=2), "cpu") == MADE and store.open(Toy(a=2)) != first and len(calls) == 2
    assert (first / "result.txt").read_text() == "42"
    assert set(verify_run(first).files) >= {"result.txt", "config.json", "provenance.json"}


def test_a_run_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    store, build = Store(tmp_path), Toy.run

    def broken(self, folder, *rest):
        build(self, folder, *rest)
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch, pytest.raises(Failed, match="RuntimeError: the power went"):
        patch.setattr(Toy, "run", broken)
        store.make(Toy(), "cpu")
    assert not [path for path in tmp_path.rglob("*.txt")] and not store.path(Toy()).exists()
    assert store.make(Toy(), "cpu") == MADE and store.open(Toy()).exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_file_that_was_altered_is_named(tmp_path, damage):
    path = made(tmp_path) / "result.txt"
    {"cut": lambda: path.write_text("4"), "flip": lambda: path.write_text("43"), "gone": path.unlink}[damage]()
    with pytest.raises(Problem, match=r"result\.txt is (truncated or altered|missing).*delete the folder"):
        Store(tmp_path).open(Toy())
    with pytest.raises(Problem, match=r"result\.txt is (truncated or altered|missing)"):
        verify_run(path.parent)


def test_a_run_of_another_version_is_refused(tmp_path):
    path = made(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    for schema, said in ((SCHEMA + 1, "newer version"), (SCHEMA - 1, "earlier version")):
        write_json(path / "manifest.json", manifest | {"schema": schema})
        with pytest.raises(Problem, match=said):
            Store(tmp_path).make(Toy(), "cpu")


@pytest.mark.parametrize("text", ["{", "[]", "null", "{}", '{"schema": "2"}', f'{{"schema": {SCHEMA}, "files": []}}'])
def test_a_broken_manifest_is_named(tmp_path, text):
    path = made(tmp_path)
    (path / "manifest.json").write_text(text)
    for look in (Store(tmp_path).open, Store(tmp_path).state):
        with pytest.raises(Problem, match=r"manifest\.json (cannot be read|is not a valid manifest).*delete"):
            look(Toy())


@pytest.mark.parametrize("place", ["file", "file/below", "dangling", "x" * 300])
def test_a_folder_that_cannot_be_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Problem, match="choose another --runs"):
        Store(tmp_path / place).make(Toy(), "cpu")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_makes_a_round_trip(name):
    for study in STUDIES[name].values():
        given = json.loads(json.dumps(encode(study, expand=True)))
        again = TypeAdapter(KINDS[given["is"]]).validate_python(given)
        assert again == study and Report(study=again).address == Report(study=study).address


@pytest.mark.slow
def test_two_processes_make_a_run_once(tmp_path):
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(os.path.dirname(__file__))!r})
        from pathlib import Path
        from toy import Store, Toy
        def slow(self, folder, *rest, build=Toy.run):
            with open({str(tmp_path / "calls")!r}, "a") as file: file.write("x")
            time.sleep(1)
            build(self, folder, *rest)
        Toy.run = slow
        Store(Path({str(tmp_path / "runs")!r})).make(Toy(), "cpu")
    """)
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [one.wait(250) for one in both] == [0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_a_run_that_another_process_is_making_is_left_to_it(tmp_path, monkeypatch):
    store, build = Store(tmp_path), Toy.run

    def inner(self, folder, *rest):
        assert store.make(Toy(), "cpu", wait=False) == BUSY
        build(self, folder, *rest)

    monkeypatch.setattr(Toy, "run", inner)
    assert store.make(Toy(), "cpu") == MADE and store.open(Toy()).exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    """The limit on a file's size stands in for the full disk: the same code path, without root."""
    monkeypatch.setattr(Toy, "run", lambda self, folder, *rest: (folder / "big").write_bytes(b"0" * 5000))
    old, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        with pytest.raises(Problem, match=r"no room to write .* make room") as caught:
            Store(tmp_path).make(Toy(), "cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, before)
    assert not isinstance(caught.value, Failed), "it is no fault of the task's"
    assert not list(tmp_path.glob("toy-*")) and not list(tmp_path.rglob("big")) and Store(tmp_path).failure(Toy()) is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("c=3", "unknown configuration key 'c'"),
        ("aa=3", "did you mean 'a'"),
        ("a.b=3", "unknown configuration key 'a.b'"),
        ("b=nan", "finite"),
        ("b=NaN", "finite"),
        ("a=1.5", "a: "),
        ("a", "key=value"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting, message):
    with pytest.raises(Problem, match=message):
        override(Toy(), [setting])


def test_settings_change_the_address_and_equal_values_do_not():
    assert override(Toy(), ["a=1"]).address == Toy().address == Toy(b=0.50).address
    assert override(Toy(), ["a=2"]).address != Toy().address
