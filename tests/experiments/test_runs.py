"""A run is whole or absent, is made once, and is not believed when it was altered."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap

import pytest

from experiments.config import Config
from experiments.problems import Problem
from experiments.runs import SCHEMA, Store, check, write_json


class Toy(Config):
    """A configuration for tests."""

    a: int = 1
    b: float = 0.5


def build(folder):
    (folder / "result.txt").write_text("42")


def test_a_run_is_made_once_and_found_the_next_time(tmp_path):
    store, calls = Store(tmp_path / "runs"), []

    def counting(folder):
        calls.append(folder)
        build(folder)

    first = store.make("toy", Toy(), counting)
    assert store.make("toy", Toy(a=1, b=0.5), counting) == first and len(calls) == 1
    assert store.make("toy", Toy(a=2), counting) != first and len(calls) == 2
    assert (first / "result.txt").read_text() == "42" and set(check(first)) >= {"result.txt", "config.json", "provenance.json"}


def test_a_run_that_breaks_off_leaves_nothing(tmp_path):
    store = Store(tmp_path)

    def broken(folder):
        build(folder)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        store.make("toy", Toy(), broken)
    assert not [path for path in tmp_path.rglob("*.txt")]
    assert store.make("toy", Toy(), build).exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_file_that_was_altered_is_named(tmp_path, damage):
    path = Store(tmp_path).make("toy", Toy(), build) / "result.txt"
    {"cut": lambda: path.write_text("4"), "flip": lambda: path.write_text("43"), "gone": path.unlink}[damage]()
    with pytest.raises(Problem, match=r"result\.txt is (truncated or altered|missing).*delete the folder"):
        check(path.parent)


def test_a_run_of_a_newer_version_is_refused(tmp_path):
    path = Store(tmp_path).make("toy", Toy(), build)
    manifest = json.loads((path / "manifest.json").read_text())
    write_json(path / "manifest.json", manifest | {"schema": SCHEMA + 1})
    with pytest.raises(Problem, match="newer version"):
        Store(tmp_path).make("toy", Toy(), build)


@pytest.mark.parametrize("text", ["{", "[]", "null", "{}", '{"schema": "2"}', '{"schema": 1, "sha256": []}'])
def test_a_broken_manifest_is_named(tmp_path, text):
    path = Store(tmp_path).make("toy", Toy(), build)
    (path / "manifest.json").write_text(text)
    with pytest.raises(Problem, match=r"manifest\.json (cannot be read|is no manifest).*delete"):
        check(path)


@pytest.mark.parametrize("place", ["file", "file/below", "dangling", "x" * 300])
def test_a_folder_that_cannot_be_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Problem, match="choose another --runs"):
        Store(tmp_path / place).make("toy", Toy(), build)


def test_a_study_configuration_makes_a_round_trip():
    from experiments.configs import STUDIES

    for config in STUDIES["digits"].values():
        again = type(config).model_validate_json(config.model_dump_json())
        assert again == config and again.digest() == config.digest()


def test_two_processes_make_a_run_once(tmp_path):
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(os.path.dirname(__file__))!r})
        from pathlib import Path
        from test_runs import Toy
        from experiments.runs import Store
        def slow(folder):
            with open({str(tmp_path / "calls")!r}, "a") as file: file.write("x")
            time.sleep(1)
        Store(Path({str(tmp_path / "runs")!r})).make("toy", Toy(), slow)
    """)
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [one.wait(250) for one in both] == [0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_a_run_that_another_process_is_making_is_left_to_it(tmp_path):
    store = Store(tmp_path)

    def inner(folder):
        assert store.make("toy", Toy(), build, wait=False) is None
        build(folder)

    assert store.make("toy", Toy(), inner).exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    """The limit on a file's size stands in for the full disk: the same code path, without root."""
    old, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        with pytest.raises(Problem, match=r"no room to write .* make room"):
            Store(tmp_path).make("toy", Toy(), lambda folder: (folder / "big").write_bytes(b"0" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.glob("toy-*")) and not list(tmp_path.rglob("big"))


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
        Toy().override([setting])


def test_settings_change_the_address_and_equal_values_do_not():
    assert Toy().override(["a=1"]).digest() == Toy().digest() == Toy(b=0.50).digest()
    assert Toy().override(["a=2"]).digest() != Toy().digest()
