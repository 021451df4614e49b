"""Submissions: packed whole from verified runs, refused by rule and row, and ranked on a page that is made of them alone."""

import json
import shutil
from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
from reduced import reduced, submission, written
from small import here

from analysis.table import KEYS, read_table
from experiments.benchmark.check import check_submission
from experiments.benchmark.leaderboard import gathered, page
from experiments.benchmark.pack import of_run, pack
from experiments.benchmark.protocol import Protocol, read_protocol
from experiments.benchmark.submission import Submission, read_submission, sealed, write_submission
from experiments.graph.store import Store
from experiments.problems import Problem


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with small.json, runs, and results/: two submissions."""
    folder = tmp_path_factory.mktemp("benchmark")
    protocol = written(folder)
    for method, ws in {"classifier-free": (0.5, 1.0), "apg": (1.0,)}.items():
        made = submission(method, protocol, folder / "runs", ws, by="somebody", cite="arXiv 1")
        write_submission(made, folder / "results" / f"{method}.json")
    return folder


@pytest.fixture
def protocol(place) -> Protocol:
    return read_protocol(str(place / "small.json"))


@pytest.fixture
def whole(place) -> dict:
    return json.loads((place / "results" / "classifier-free.json").read_text())


def refusal(content: dict, protocol: Protocol) -> str:
    with pytest.raises(Problem) as refused:
        check_submission(Submission(sealed(content), "mine.json"), protocol)
    assert "\n" not in str(refused.value) and str(refused.value).startswith("mine.json")
    return str(refused.value)


@pytest.mark.slow
def test_a_submission_holds_what_made_it(place, protocol, whole):
    assert whole["protocol"] == {"title": "small v1", "sha256": protocol.sha256}
    assert whole["made"]["who"] == "somebody" and whole["made"]["cite"] == "arXiv 1"
    assert whole["method"]["where"] == "guidance.methods.classifier_free:ClassifierFree"
    assert {"guidance.methods.classifier_free", "analysis.measures.exact"} <= set(whole["code"]) and whole["packages"]["torch"]
    assert len(whole["cells"]) == 2 * 3 * 2  # worlds, strengths, seeds
    table = read_submission(place / "results" / "classifier-free.json").table
    assert set(table["protocol"]) == {protocol.label} and set(table["w"]) == {0.0, 0.5, 1.0}
    (report,) = (place / "runs").glob("small-v1-classifier-free-*")
    kept = read_table(report / "table.csv")
    assert set(kept["protocol"]) == {protocol.label}
    key = [*KEYS, "seed"]
    pd.testing.assert_frame_equal(
        table.set_index(key)[["value"]].sort_index(), kept.set_index(key)[["value"]].sort_index(), check_exact=False, rtol=1e-12
    )
    assert protocol.label in (report / "report.html").read_text()


def test_every_figure_says_which_protocol_it_was_made_under(place, monkeypatch):
    from analysis.reports import benchmark
    from experiments.studies.decode import read_study

    (report,) = (place / "runs").glob("small-v1-apg-*")
    study = read_study(report)
    sections = benchmark.report(study.results(Store(place / "runs"))).sections
    figures = [picture.figure for section in sections for picture in section.figures]
    assert len(figures) == 4
    for figure in figures:
        assert study.of.label in {text.get_text() for text in figure.texts}


def test_what_fits_is_checked_by_the_command(place, capsys):
    words = ["--protocol", str(place / "small.json")]
    done = here(["check-submission", str(place / "results" / "apg.json"), *words], capsys)
    assert done.returncode == 0 and "fits    small v1" in done.stdout and "apg, 8 cells" in done.stdout


def change(whole: dict, index: int, **entries: object) -> dict:
    content = deepcopy(whole)
    content["cells"][index] |= entries
    return content


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"world": "mars"}, "row 4 (mars, w = 0.5, seed 1): rule worlds"),
        ({"steps": 5}, "rule steps: 5, and the protocol has 4"),
        ({"sampler": "ddim"}, "rule sampler: 'ddim', and the protocol has 'ddim(eta=1.0)'"),
        ({"n": 61}, "rule n: 61"),
        ({"seed": 7}, "rule sample_seeds"),
        ({"train_seed": 1}, "rule train_seed: 1, and the protocol's networks are given (-1)"),
        ({"w": 3.0}, "4 strengths, and the protocol allows 3"),
        ({"w": 1.0}, "w = 1, seed 1: rule rows: it stands there twice"),
        ({"runs": {"measure-exact-000": ""}}, "w = 0.5, seed 1: rule runs: it is of measure-exact-000, and"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_rule(entries, words, whole, protocol):
    assert words in refusal(change(whole, 4, **entries), protocol)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frechet_exact": None}, "row 4 (gaussians, w = 0.5, seed 1): rule measures: frechet_exact is None"),
        ({"frechet_exact": ...}, "rule measures: frechet_exact is missing"),
        ({"nfe_denoiser_forward": -1.0}, "rule budget: nfe_denoiser_forward is -1.0"),
        ({"nfe_denoiser_forward": 0.5}, "rule budget: 0.5 network evaluations a sample were counted, and no sample takes none"),
    ],
)
def test_a_measure_that_does_not_fit_is_named(values, words, whole, protocol):
    own = {name: held for name, held in (whole["cells"][4]["values"] | values).items() if held is not ...}
    assert words in refusal(change(whole, 4, values=own), protocol)


def test_what_lacks_a_seed_or_the_plain_model_is_refused(whole, protocol):
    content = deepcopy(whole)
    del content["cells"][4]
    assert "gaussians, w = 0.5: rule sample_seeds: seed 1 is missing" in refusal(content, protocol)
    content["cells"] = [cell for cell in whole["cells"] if cell["w"] or cell["world"] != "gaussians"]
    assert "gaussians: rule strengths: w = 0, the plain model, is missing" in refusal(content, protocol)
    content["cells"] = whole["cells"] + [whole["cells"][0]]
    assert "stands there twice" in refusal(content, protocol)


def test_another_plain_model_is_refused(whole, protocol):
    plain = [cell["values"]["frechet_exact"] for cell in whole["cells"] if cell["world"] == "gaussians" and cell["w"] == 0]
    mean = sum(plain) / len(plain)
    content = deepcopy(protocol.content)
    for wanted, fits in ((mean, True), (mean * 1.01, True), (mean * 1.1, False)):
        content["worlds"]["gaussians"]["plain"] = {"frechet_exact": wanted}
        strict = Protocol(deepcopy(content))
        own = {**whole, "protocol": {"title": "small v1", "sha256": strict.sha256}}
        if fits:
            check_submission(Submission(own, "mine.json"), strict)
        else:
            assert "gaussians, w = 0: rule plain: frechet_exact is" in refusal(own, strict)


def test_a_submission_of_another_protocol_is_refused_wherever_it_is_compared(place, protocol, capsys):
    other = Protocol(reduced(n=61))
    submission = read_submission(place / "results" / "apg.json")
    with pytest.raises(Problem, match="rule protocol: it was made under small v1 .*numbers of two protocols are never compared"):
        check_submission(submission, other)
    done = here(["check-submission", submission.place], capsys)  # under v1
    assert done.returncode == 2 and "rule protocol" in done.stderr and len(done.stderr.splitlines()) == 1
    done = here(["leaderboard", "--with", submission.place, "--out", str(place / "none.md")], capsys)
    assert done.returncode == 2 and "rule protocol" in done.stderr and not (place / "none.md").exists()


def test_a_file_that_was_altered_or_is_none_is_refused(place, whole, tmp_path):
    def read(content: object) -> None:
        (tmp_path / "mine.json").write_text(content if isinstance(content, str) else json.dumps(content))
        read_submission(tmp_path / "mine.json")

    for content, words in [
        (change(whole, 4, w=0.75), "was altered after it was packed"),
        ("{", "cannot be read"),
        ([], "does not contain a JSON object"),
        ({}, "schema is None"),
        ({**whole, "schema": 2}, "schema is 2, not 1"),
        ({name: held for name, held in whole.items() if name != "code"}, "has no 'code'"),
        ({**whole, "cells": []}, "has no cells"),
        ({**whole, "extra": 1}, "has 'extra'"),
        (change(whole, 4, seed="1"), "cell 4: 'seed' is str, and not int"),
        (change(whole, 4, seed=True), "cell 4: 'seed' is bool, and not int"),
    ]:
        with pytest.raises(Problem, match=words) as refused:
            read(content)
        assert "\n" not in str(refused.value) and "mine.json" in str(refused.value)
    read(whole)


def test_a_run_is_packed_again_to_the_same_content(place, whole, protocol, capsys, tmp_path):
    (report,) = (place / "runs").glob("small-v1-classifier-free-*")
    words = ["submit", str(report / "table.csv"), "--protocol", str(place / "small.json"), "--out", str(tmp_path)]
    assert here(words, capsys).returncode == 0
    (file,) = tmp_path.glob("*.json")
    again = json.loads(file.read_text())
    assert again["cells"] == whole["cells"] and again["code"] == whole["code"] and again["made"]["who"] == ""
    done = here(words, capsys)
    assert done.returncode == 2 and "is there: give another --out" in done.stderr


@pytest.mark.slow
def test_a_method_of_a_study_with_the_protocols_cells_is_packed_by_its_label(place, protocol, tmp_path):
    """A study that was not made for the benchmark, but whose cells are the protocol's."""
    from dataclasses import replace

    from experiments.benchmark.cells import study_of
    from experiments.studies.running import make
    from experiments.studies.sweep import Curve

    runs = shutil.copytree(place / "runs", tmp_path / "runs")
    base = study_of(protocol.rules.worlds["gaussians"], Curve(method="classifier-free", ws=(0.0, 0.5, 1.0)))
    study = replace(base, methods=(*base.methods, Curve(method="apg", ws=(1.0,))))
    folder = make(study, Store(runs), 1, "cpu", tell=lambda line: None).folder
    ((cells, store),) = of_run(folder, ["apg"], protocol)
    found = pack(cells, store, "", "")
    assert found.label == "apg" and {cell["w"] for cell in found.content["cells"]} == {0.0, 1.0}
    for names, words in {(): "has 2 methods: say which by --method", ("cads",): "has no method 'cads'"}.items():
        with pytest.raises(Problem, match=words):
            list(of_run(folder, list(names), protocol))
    with pytest.raises(Problem, match="has no cell as guidance-bench v1 asks for it"):
        ((cells, store),) = of_run(folder, ["apg"], read_protocol("v1"))
        pack(cells, store, "", "")


def test_broken_and_missing_cells_are_not_packed(place, protocol, tmp_path):
    runs = shutil.copytree(place / "runs", tmp_path / "runs")
    (report,) = runs.glob("small-v1-apg-*")
    ((cells, store),) = of_run(report, [], protocol)
    task = next(placed.task for placed in cells.cells() if placed.place["w"] == 1)
    samples = store.path(task.samples)
    (samples / "cost.json").write_text("{}")
    with pytest.raises(Problem, match=f"{samples.name}/cost.json is truncated or altered"):
        pack(cells, Store(runs), "", "")
    shutil.rmtree(store.path(task))
    with pytest.raises(Problem, match="gaussians, w = 1, seed 0: .* has no cell as small v1 asks for it"):
        pack(cells, Store(runs), "", "")


def test_the_leaderboard_is_made_of_the_submissions_alone(place, protocol, capsys, tmp_path):
    words = ["leaderboard", "--results", str(place / "results"), "--protocol", str(place / "small.json")]
    done = here([*words, "--out", str(tmp_path / "page.md")], capsys)
    assert done.returncode == 0 and "2 methods" in done.stdout
    text = (tmp_path / "page.md").read_text()
    assert text == page([(protocol, gathered(place / "results", [], protocol))], folder=place / "results")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "small v1" in line]
    assert len(rows) == 6  # two methods by two questions and one, with the hash in each
    assert all(protocol.label in row for row in rows) and protocol.sha256 in text
    twice = here([*words, "--with", str(place / "results" / "apg.json"), "--out", str(tmp_path / "twice.md")], capsys)
    assert twice.returncode == 2 and "apg is in" in twice.stderr and not (tmp_path / "twice.md").exists()
    none = here(["leaderboard", "--results", str(tmp_path), "--out", str(tmp_path / "none.md")], capsys)
    assert none.returncode == 2 and not (tmp_path / "none.md").exists()
