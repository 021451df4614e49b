"""`guidance-bench cost STUDY --measure`: what a sample of each method takes here, drawn with networks that are not trained."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from small import here
from tiny import sets, tiny_study

from experiments.sample_prices import PLAIN, dearest, lines, measured_prices
from experiments.studies.dropout import with_p_uncond
from experiments.studies.sweep import Curve
from experiments.tasks.train import Train

SETTINGS = {
    "methods": ["classifier-free", "limited-interval", "classifier", "apg", "autoguidance"],
    "sweeps": [
        {"sampler": "ancestral", "steps": 3, "ws": [0, 1, 4]},
        {"sampler": "ddim", "steps": 4, "ws": [8], "methods": ["classifier-free"]},
    ],
    "weak": {"is": "smaller", "width": 8, "steps": 3},
}
FEW = {**SETTINGS, "methods": ["classifier-free", "classifier"], "sweeps": SETTINGS["sweeps"][:1]}
WORDS = ["cost", "digits", "--measure", "--device", "cpu", "--batch", "2"]
WORDS += [word for one in sets({"model.network.width": 8, **FEW}) for word in ("--set", one)]


@pytest.fixture(scope="module")
def study():
    return tiny_study("digits", SETTINGS)


@pytest.mark.slow
def test_evaluations_are_those_of_the_formula_of_each_method(study):
    tasks, rows = dearest(study), [*measured_prices(study, "cpu", n=3, rounds=1)]
    plain, *guided = rows
    assert plain["method"] == PLAIN and plain["evaluations"] == "3F" and plain["times_nfe"] == plain["times_ms"] == 1
    assert [row["method"].partition("(")[0] for row in guided] == SETTINGS["methods"]
    for task, row in zip(tasks, guided, strict=True):
        formula = task.method.nfe(task.grid(task.density, task.steps).tolist())
        assert row["evaluations"] == formula.brief() and row["times_nfe"] == sum(vars(formula).values()) / 3
        assert row["ms"] > 0 and row["times_ms"] == row["ms"] / plain["ms"] and row["mib"] > 0
    by_name = {row["method"]: row for row in guided}
    assert by_name["classifier-free"]["times_nfe"] == 2 and 1 < by_name["limited-interval"]["times_nfe"] < 2


def test_a_method_is_measured_at_its_largest_w_of_the_first_sampler_that_has_it(study):
    assert {(task.method.w, task.sampler_label, task.steps) for task in dearest(study)} == {(4.0, "ancestral", 3)}


def test_beside_an_exact_model_the_networks_that_are_trained_are_measured():
    found = dearest(tiny_study("digits-exact"))
    assert {type(task.model) for task in found} == {Train} and "classifier-free" in {task.method.name for task in found}


@pytest.mark.slow
def test_another_precision_has_an_unguided_model_of_its_own():
    study = tiny_study("digits", {**FEW, "methods": ["classifier-free"], "compute.precision": "bfloat16"})
    rows = [*measured_prices(study, "cpu", n=2, rounds=1)]
    names = [f"{PLAIN} (bfloat16)", "classifier-free (bfloat16)", PLAIN, "classifier-free"]
    assert [row["method"] for row in rows] == names and [row["times_nfe"] for row in rows] == [1, 2, 1, 2]


@pytest.mark.slow
def test_a_further_network_of_a_world_is_told_by_the_method_that_has_it(study):
    other = Curve(method="limited-interval", model=with_p_uncond(study.model, 0.5), called="other")
    rows = [*measured_prices(replace(study, methods=(study.methods[0], other), sweeps=study.sweeps[:1]), "cpu", n=2, rounds=1)]
    own = rows[-1]["method"]
    assert own.startswith("limited-interval") and [row["method"] for row in rows] == [
        PLAIN,
        "classifier-free",
        f"{PLAIN}, {own}",
        own,
    ]


def test_rows_of_several_worlds_stand_under_their_names(study):
    row = next(measured_prices(study, "cpu", n=2, rounds=1))
    said = [*lines(iter([row, row, {**row, "world": "another"}]))]
    assert said[1] == "digits" and said[4] == "another" and len(said) == 6 and said[2] == said[3] == said[5]
    assert len(said[0]) == len(said[2]) and said[2].startswith(PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_the_command_prints_and_writes_the_same(tmp_path, capsys, suffix):
    out = tmp_path / f"prices{suffix}"
    done = here([*WORDS, "--out", str(out), "--runs", str(tmp_path / "runs")], capsys)
    assert done.returncode == 0, done.stderr
    table = pd.DataFrame(json.loads(out.read_text())["rows"]) if suffix == ".json" else pd.read_csv(out)
    assert list(table["method"]) == [PLAIN, "classifier-free", "classifier"] and list(table["evaluations"])[1] == "6F"
    assert [*lines(iter(table.to_dict("records")))] == done.stdout.splitlines() and not (tmp_path / "runs").exists()
    if suffix == ".json":
        made = json.loads(out.read_text())["made"]
        assert made["study"] == "digits" and made["batch"] == 2 and {"device", "machine", "packages"} <= set(made)


@pytest.mark.parametrize(
    "words, why",
    [
        (["digits", "--out", "nowhere/prices.json"], "--out: give a file in a folder that exists, not nowhere/prices.json"),
        (["digits", "--out", "prices.txt"], "--out: give a .json or a .csv"),
        (["gaussians"], "gaussians: --measure draws with untrained networks, and it has no samples of networks that it trains"),
        (["paper-table1"], "paper-table1: --measure is of studies, and this is a table of the paper"),
        (["digits", "--device", "h100"], "there is no device 'h100' here"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_work(words, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experiments.sample_prices._measured", lambda *given: pytest.fail("it began"))
    done = here(["cost", "--measure", "--device", "cpu", *words], capsys)
    assert done.returncode == 2 and why in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
    assert not list(tmp_path.iterdir())
