"""The protocol is frozen: its file, its hash, what it names; and what is not a protocol is refused in one line."""

import json

import pytest
from reduced import reduced, written

from experiments.benchmark.cells import MethodCells
from experiments.benchmark.freeze import VERSIONS, freeze
from experiments.benchmark.protocol import FOLDER, Protocol, canonical, known, read_protocol, versions
from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.shipped import shipped
from experiments.studies.sweep import Curve

HASHES = {"v1": "8c0891344de2d3bb0e13b4a5bdd86647fbd6f8fb9a3a8d4b8d68a4ffc83ffb21"}


@pytest.mark.parametrize("version", HASHES)
def test_a_version_is_never_changed(version):
    """Numbers were published under this hash. A changed protocol is a new version, v2, and old numbers keep theirs."""
    found = read_protocol(version).sha256
    assert found == HASHES[version], f"{version}.json was changed: restore it, and make the change a new version (freeze.py)"
    assert (FOLDER / f"{version}.json").read_bytes() == canonical(read_protocol(version).content)


def test_every_version_that_ships_is_held_to_its_hash():
    assert set(versions()) == set(HASHES) and set(known()) == set(HASHES.values())


def test_the_hash_is_of_the_content_and_not_of_its_layout():
    content = read_protocol("v1").content
    again = Protocol(json.loads(json.dumps(content, indent=7)))
    assert again.sha256 == read_protocol("v1").sha256 and again.label == f"guidance-bench v1 {again.sha256[:8]}"
    changed = json.loads(json.dumps(content))
    changed["worlds"]["gaussians"]["n"] += 1
    assert Protocol(changed).sha256 != again.sha256


@pytest.mark.parametrize("version", VERSIONS)
def test_the_file_says_what_freeze_does_but_for_what_was_measured(version):
    made, there = encode(VERSIONS[version]()), json.loads(json.dumps(read_protocol(version).content))
    for world, rules in there["worlds"].items():
        measures = {name for question in rules["questions"] for name in question["measures"]}
        assert set(rules.pop("plain")) == measures and made["worlds"][world].pop("plain") == {}
    assert json.loads(json.dumps(made)) == there


def test_a_version_that_is_there_is_not_frozen_again(tmp_path):
    with pytest.raises(Problem, match="a changed protocol is a new version, and old numbers keep theirs"):
        freeze("v1", tmp_path)


def test_the_networks_are_those_that_ship():
    rules = read_protocol("v1").rules.worlds["fashion"]
    assert rules.files == {role: digest for role, (_, digest) in shipped("fashion").items()}


def test_other_networks_than_the_protocols_are_refused_before_any_work():
    content = json.loads(json.dumps(read_protocol("v1").content))
    content["worlds"]["fashion"]["files"]["model"] = "0" * 64
    with pytest.raises(Problem, match="fashion: the model that ships with this package is not the protocol's"):
        MethodCells(name="mine", protocol=content, methods={"fashion": Curve(method="apg", ws=(0.0, 1.0))})


def test_every_cell_is_the_protocols_and_says_so():
    protocol = read_protocol("v1")
    methods = {world: Curve(method="classifier-free", ws=(0.0, 0.5)) for world in protocol.rules.worlds}
    cells = list(MethodCells(name="mine", protocol=protocol.content, methods=methods).cells())
    for world, rules in protocol.rules.worlds.items():
        own = [placed for placed in cells if placed.place["world"] == world]
        assert {(placed.place["w"], placed.place["seed"]) for placed in own} == {
            (w, seed) for w in (0.0, 0.5) for seed in rules.sample_seeds
        }
        for placed in own:
            samples = placed.task.samples
            assert placed.place["protocol"] == protocol.label
            assert (samples.n, samples.steps, samples.clip, samples.grid) == (rules.n, rules.steps, rules.clip, rules.grid)
            assert (samples.sampler, samples.density, samples.labels) == (rules.sampler, rules.density, rules.labels)


def test_the_cells_of_the_exact_worlds_are_those_of_the_main_sweep_of_methods():
    """So that a study `methods` with the protocol's seeds can be submitted as it is."""
    from dataclasses import replace

    from experiments.studies.methods import FULL

    protocol = read_protocol("v1")
    for world in ("gaussians", "digits-exact"):
        rules = protocol.rules.worlds[world]
        study = replace(FULL.worlds[world], sample_seeds=rules.sample_seeds)
        curve = next(curve for curve in study.methods if curve.label == "classifier-free")
        cells = MethodCells(name="mine", protocol=protocol.content, methods={world: curve}).cells()
        assert {placed.task.address for placed in cells} <= {placed.task.address for placed in study.cells()}
        own = [curve.ws for curve in study.methods if curve.label != "classifier-free"]
        assert {len(ws) for ws in own} == {6} and {0.0, *own[0]} < {*curve.ws}, "equal samples at equal w"
        assert all(tuple(sorted(ws)) == ws and ws[0] > 0 for ws in own)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 0}, "n"),
        ({"sampler": "ddin"}, "did you mean 'ddim'"),
        ({"sample_seeds": [3]}, "two at least"),
        ({"strengths": 1}, "strengths"),
        ({"budgets": 8}, "budgets"),
        ({"files": {"model": "abc"}}, "files"),
    ],
)
def test_what_is_no_protocol_is_one_line(changes, words, tmp_path):
    with pytest.raises(Problem, match=words) as refused:
        read_protocol(str(written(tmp_path, **changes)))
    assert "\n" not in str(refused.value) and "small.json" in str(refused.value)


def test_a_protocol_that_takes_ours_for_its_name_is_refused(tmp_path):
    (tmp_path / "v1.json").write_text(json.dumps({**reduced(), "name": "guidance-bench"}))
    with pytest.raises(Problem, match="is called guidance-bench v1 and is not it"):
        read_protocol(str(tmp_path / "v1.json"))
    for named, words in {"v9": "there is no protocol 'v9'", str(tmp_path / "gone.json"): "cannot be read"}.items():
        with pytest.raises(Problem, match=words):
            read_protocol(named)
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(read_protocol("v1").content))
    assert read_protocol(str(copy)).sha256 == read_protocol("v1").sha256


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"mars": (0.0, 1.0)}, "has no world 'mars'"),
        ({"gaussians": (1.0,)}, "w = 0, the plain model, is missing"),
        ({"gaussians": tuple(range(9))}, "9 strengths, and the protocol allows 8"),
    ],
)
def test_cells_beside_the_protocol_are_refused(methods, words):
    curves = {world: Curve(method="apg", ws=ws) for world, ws in methods.items()}
    with pytest.raises(ValueError, match=words):
        MethodCells(name="mine", protocol=read_protocol("v1").content, methods=curves)
