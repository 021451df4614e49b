"""Whatever lies in a store: one line for what is broken, no hang, and nobody is told to delete what is no run of the store."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from toys import Cell, make

from experiments.graph.files import read_json, sha256, write_json
from experiments.graph.manifest import SCHEMA, OtherVersion, read_manifest
from experiments.graph.run import plan
from experiments.graph.store import FOUND, Store
from experiments.graph.verify import describe, verify_run, verify_store
from experiments.problems import Failed, Problem
from experiments.tasks.sample import load_samples

DEEP = "[" * 100_000


@pytest.fixture
def run(tmp_path):
    """The folder of a run."""
    make(tmp_path / "runs", Cell(w=1))
    return Store(tmp_path / "runs").path(Cell(w=1))


def refuse(run: Path, match: str, advice: bool = True) -> None:
    """Planning, opening and verifying refuse the run in one line."""
    store, task = Store(run.parent), Cell(w=1)
    for look in (lambda: plan([Cell(w=2, of=(task,))], store), lambda: make(run.parent, Cell(w=2, of=(task,)))):
        with pytest.raises(Problem, match=match) as refused:
            look()
        assert ("delete the folder" in str(refused.value)) == advice and str(run) in str(refused.value)
        assert "\n" not in str(refused.value) and len(str(refused.value)) < 600
    with pytest.raises(Problem) as refused:
        verify_run(run)
    assert "delete" not in str(refused.value) or not advice


MANIFESTS = {
    "no JSON": "{",
    "a list": "[]",
    "null": "null",
    "a number": "5",
    "deep": DEEP,
    "deep in a field": '{"schema": 2, "files": ' + DEEP,
    "empty": "",
    "nothing": "{}",
    "schema as text": '{"schema": "2", "files": {"x.json": "0"}}',
    "no files": '{"schema": 2, "files": {}, "clocked": [], "parents": {}, "code": {}}',
    "NaN": '{"schema": NaN}',
    "large": '{"schema": 1e999}',
}
CHANGES = {
    "leaves a declared file out": lambda m: m["files"].pop("x.json"),
    "leaves the config out": lambda m: m["files"].pop("config.json"),
    "null parents": lambda m: m.update(parents=None),
    "listed parents": lambda m: m.update(parents=["a"]),
    "a parent outside": lambda m: m.update(parents={"../elsewhere": "0"}),
    "a parent by its path": lambda m: m.update(parents={"/etc": "0"}),
    "a parent that is the store": lambda m: m.update(parents={"..": "0"}),
    "a hash that is none": lambda m: m["files"].update({"x.json": 5}),
    "a name outside": lambda m: m["files"].update({"../../x": "0"}),
    "an absolute name": lambda m: m["files"].update({"/etc/passwd": "0"}),
    "an empty name": lambda m: m["files"].update({"": "0"}),
    "a name with a zero byte": lambda m: m["files"].update({"a\0b": "0"}),
    "accepted is a number": lambda m: m.update(accepted=5),
    "accepted holds text": lambda m: m.update(accepted=["yes"]),
    "clocked is a text": lambda m: m.update(clocked="x.json"),
    "something more": lambda m: m.update(sha256={}),
    "schema true": lambda m: m.update(schema=True),
}


@pytest.mark.parametrize("text", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_none_is_named(run, text):
    (run / "manifest.json").write_text(text)
    refuse(run, r"manifest\.json (cannot be read|is not a valid manifest|does not name)")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_manifest_that_lies_is_named(run, change):
    found = json.loads((run / "manifest.json").read_text())
    change(found)
    (run / "manifest.json").write_text(json.dumps(found))
    refuse(run, r"manifest\.json (is not a valid manifest|does not name|names)")


@pytest.mark.parametrize(
    ("schema", "said"), [(1, "an earlier version .* delete the old one"), (SCHEMA + 1, "a newer version .* upgrade")]
)
def test_a_run_of_another_version_is_refused_and_what_to_do_is_said(run, schema, said):
    (run / "manifest.json").write_text(json.dumps({"schema": schema, "sha256": {"x.json": "0"}}))
    with pytest.raises(OtherVersion, match=said):
        make(run.parent, Cell(w=1))
    assert "delete the folder" not in refusal(lambda: make(run.parent, Cell(w=1)))


def refusal(look) -> str:
    with pytest.raises(Problem) as refused:
        look()
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        DEEP,
        "{}",
        '{"identity": {"kind": 5}, "values": {}}',
        '{"identity": {"kind": "cell", "w": NaN}, "values": {}}',
    ],
    ids=range(7),
)
def test_a_configuration_that_is_none_is_named(run, text):
    (run / "config.json").write_text(text)
    refuse(run, r"config\.json|contains the run of other values")


def test_runs_that_changed_places_are_refused(run):
    make(run.parent, Cell(w=3))
    other = Store(run.parent).path(Cell(w=3))
    (aside := run.parent / "aside").mkdir()
    run.rename(aside / "a")
    other.rename(run)
    (aside / "a").rename(other)
    aside.rmdir()
    refuse(run, r"contains the run of other values, cell-")
    assert [why is None for _, why in verify_store(run.parent)] == [False, False]


def test_a_run_with_the_identity_of_another_task_is_refused(run):
    config = read_json(run / "config.json")
    write_json(run / "config.json", config | {"identity": config["identity"] | {"version": 7}})
    refuse(run, "contains the run of other values")


DAMAGES = {
    "cut": lambda file: file.write_text("["),
    "altered": lambda file: file.write_text("[5.0, []]"),
    "gone": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a link to a pipe": lambda file: (file.unlink(), os.mkfifo(file.with_name("pipe")), file.symlink_to(file.with_name("pipe"))),
    "a link": lambda file: (file.rename(file.parents[2] / "moved"), file.symlink_to(file.parents[2] / "moved")),
    "a dangling link": lambda file: (file.unlink(), file.symlink_to("nowhere")),
    "a device": lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("name", ["x.json", "config.json", "manifest.json"])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.timeout(30)
def test_a_damaged_file_is_one_line_and_no_hang(run, name, damage):
    if (name, damage) in {("config.json", "altered"), ("config.json", "a link"), ("manifest.json", "a link")}:
        pytest.skip("what is read is what was written, or another test's")
    DAMAGES[damage](run / name)
    if name == "x.json":  # planning looks at no content; what reads it does, and so does verify
        with pytest.raises(
            Problem, match=r"x\.json (is missing|is truncated or altered|is not a regular file).*delete the folder"
        ):
            make(run.parent, Cell(w=2, of=(Cell(w=1),)))
        assert verify_store(run.parent) and dict(verify_store(run.parent))[run]
    else:
        refuse(run, name if damage != "altered" else r"config\.json|manifest\.json")


def test_a_file_below_a_linked_folder_is_no_file_of_the_run(run):
    (elsewhere := run.parents[1] / "elsewhere").mkdir()
    (elsewhere / "y").write_text("1")
    (run / "sub").symlink_to(elsewhere)
    found = read_json(run / "manifest.json")
    write_json(run / "manifest.json", found | {"files": {**found["files"], "sub/y": sha256(elsewhere / "y")}})
    assert "sub/y is missing" in refusal(lambda: verify_run(run))


def test_a_file_that_nobody_knows_is_named_by_verify(run):
    (run / "more").write_text("")
    assert "more is not a file of the run" in refusal(lambda: verify_run(run))


def test_verify_finds_a_parent_that_is_gone_or_another(run):
    make(run.parent, child := Cell(w=2, of=(Cell(w=1),)))
    path = Store(run.parent).path(child)
    verify_run(path)
    found = read_json(path / "manifest.json")
    write_json(path / "manifest.json", found | {"parents": {run.name: "0"}})
    assert f"was made from a different {run.name}" in refusal(lambda: verify_run(path))
    write_json(path / "manifest.json", found)
    shutil.rmtree(run)
    assert "which no longer exists" in refusal(lambda: verify_run(path))


def test_describe_needs_no_more_than_what_is_there(run):
    write_json(run / "provenance.json", {"machine": 5})
    assert any("torch None" in line for line in describe(run))
    write_json(run / "provenance.json", [])
    assert "provenance.json cannot be read" in refusal(lambda: list(describe(run)))


def test_strange_names_of_modules_are_looked_up_nowhere(run):
    found = read_json(run / "manifest.json")
    write_json(run / "manifest.json", found | {"code": {"../../etc/passwd": "0", "json": "0", "__main__.Mine": "0", "": "0"}})
    (line,) = [line for line in describe(run) if " code " in line]
    assert "json" in line and "Mine" not in line


@pytest.mark.parametrize("how", ["forged", "objects", "empty", "text", "one array"])
def test_a_file_that_is_no_set_of_samples_is_one_line(tmp_path, how):
    path = tmp_path / "samples.npz"
    if how == "objects":
        np.savez(path, images=np.array([{"a": 1}, print], dtype=object), label=np.zeros(2))
    elif how == "one array":
        np.save(path.open("wb"), np.zeros(3))
    else:
        path.write_bytes({"forged": b"PK\x03\x04" + b"\xff" * 100, "empty": b"", "text": b"no samples"}[how])
    with pytest.raises(Failed, match=r"samples\.npz is no set of samples") as refused:
        load_samples(tmp_path)
    assert "allow_pickle" not in str(refused.value) and "\n" not in str(refused.value)


def test_a_healthy_store_is_whole(run):
    make(run.parent, Cell(w=2, of=(Cell(w=1),)))
    assert [why for _, why in verify_store(run.parent)] == [None, None]
    assert Store(run.parent).state(Cell(w=1)) == (FOUND,) and read_manifest(run).files
