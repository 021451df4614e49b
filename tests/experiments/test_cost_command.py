"""`guidance-bench cost`: what is there costs nothing, chains bound the clock, and the paper's tables have their size."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
from typer.testing import CliRunner

from experiments.__main__ import app
from experiments.cost_command import chosen, machine_of
from experiments.graph.run import Plan
from experiments.graph.store import Store
from experiments.networks import UNet
from experiments.objectives.denoising import Denoising
from experiments.pricing.devices import DEVICES
from experiments.pricing.machine import Here, Listed
from experiments.pricing.predict import Prediction, predict, price_of
from experiments.pricing.price import Price
from experiments.problems import Problem
from experiments.studies.running import make
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train
from experiments.worlds.digits_exact import DigitsExact
from guidance import CosineLogSNR
from guidance.samplers.ancestral import Ancestral

LISTED = Listed(DEVICES["a100"], 0.3)
SMALL = ["n=60", "part=60", "sample_seeds=[0]", 'sweeps=[{"sampler":"ddim","steps":4,"ws":[0,1]}]']


@pytest.mark.slow
def test_runs_that_are_there_cost_nothing(tmp_path):
    study, store = chosen("controls-exact", False, SMALL), Store(tmp_path)
    before = predict(study, store, LISTED)
    assert {price.seconds > 0 for price in before.kinds()["sample"]} == {True} and before.flops > 0
    make(study, store, workers=1, device="cpu", tell=lambda line: None)
    after = predict(study, store, LISTED)
    assert not after.prices and after.seconds == after.flops == 0
    more = predict(chosen("controls-exact", False, [*SMALL, "sample_seeds=[0,1]"]), store, LISTED)
    assert len(more.kinds()["sample"]) == len(before.kinds()["sample"])  # of the further seed alone


@dataclass(frozen=True)
class Toy:
    address: str
    parents: tuple = ()
    kind: str = "toy"
    derived: bool = False


def test_the_clock_is_bounded_by_the_longest_chain_and_by_an_even_share():
    first, second, other = Toy("a"), Toy("b", (Toy("a"),)), Toy("c")
    plan = Plan(tasks={task.address: task for task in (first, second, other)})
    found = Prediction(None, plan, {key: Price(seconds=seconds) for key, seconds in (("a", 5), ("b", 3), ("c", 4))}, started=1)
    assert found.at_least(1) == 1 + 12 and found.at_least(2) == 1 + 8 and found.at_least(9) == 1 + 8
    assert replace(found, prices=found.prices | {"c": Price(seconds=20)}).at_least(9) == 1 + 20


def test_a_task_says_its_own_price_and_one_that_nobody_prices_is_named():
    own = SimpleNamespace(price=lambda machine, known: Price(seconds=7.0))
    assert price_of(own, LISTED, {}, 0.0).seconds == 7.0
    assert price_of(Toy("x"), LISTED, {}, 0.0).unpriced == ("toy: nothing says what it costs",)


def test_the_paper_s_tables_have_their_size():
    pytest.importorskip("azula")
    from experiments.pricing.networks import unit

    for name, millions, cells in (("paper-table1", 296, 42), ("paper-table2", 422, 42)):
        study = chosen(name, False, [])
        tasks = [placed.task for placed in study.cells()]
        assert len(tasks) == cells and {task.n for task in tasks} == {50_000}
        one = unit(tasks[0], "denoiser", 1, 0.0, False, LISTED, {})
        assert one.weights / 4e6 == pytest.approx(millions, abs=1)  # Dhariwal & Nichol's table of hyper-parameters
    from analysis.reference import table

    first, second = table("cfg_table1_imagenet64"), table("cfg_table2_imagenet128")
    study, other = chosen("paper-table1", False, []), chosen("paper-table2", False, [])
    assert list(study.ws) == sorted(set(first["w"])) and list(study.p_unconds) == sorted(set(first["p_uncond"]))
    assert list(other.ws) == sorted(set(second["w"])) and list(other.steps) == sorted(set(second["steps"]))


def test_the_command_prints_and_writes_the_same(tmp_path):
    out = tmp_path / "cost.json"
    words = ["cost", "controls-exact", "--device", "rtx4090", "--bf16", "--utilisation", "0.5", "--runs", str(tmp_path / "runs")]
    words += [word for setting in SMALL for word in ("--set", setting)]
    said = CliRunner().invoke(app, [*words, "--out", str(out)], catch_exceptions=False).output
    data = json.loads(out.read_text())
    assert data["device"] == "GeForce RTX 4090" and not data["measured"] and data["found"] == 0
    assert f"{data['flops']:.2e}" in said and "50% of the peak of 165 TFLOP/s (bf16" in said
    assert data["flops"] == sum(kind["flops"] for kind in data["kinds"].values()) > 0
    assert not (tmp_path / "runs").exists()  # nothing was made


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(tiny.TINY))
def test_every_study_of_ours_can_be_priced_before_it_runs(name, tmp_path):
    if name == "classifiers":
        pytest.skip("its tasks that assess a classifier have no price")
    settings = [f"{key}={json.dumps(value)}" for key, value in tiny.TINY[name].items()]
    found = predict(chosen(name, False, settings), Store(tmp_path), LISTED)
    assert found.prices and not [why for price in found.prices.values() for why in price.unpriced]


@pytest.mark.parametrize("machine", [LISTED, Here("cpu", "this")], ids=["listed", "here"])
def test_samples_of_a_learned_variance_are_priced(machine):
    world, small = DigitsExact(), UNet(width=8)
    model = Train(world=world, network=small, objective=Denoising(variance="bound"), fit=Fit(steps=3, batch=4))
    sampler, density = Ancestral(v=None), CosineLogSNR()
    task = Sample(world=world, model=model, method="classifier-free", sampler=sampler, steps=3, density=density, n=4, seed=0)
    assert price_of(task, machine, {}, 0.0).flops > 0


@pytest.mark.slow  # two commands in processes of their own
def test_statistics_on_this_machine_take_as_long_whatever_the_device(tmp_path):
    def seconds(device: str) -> float:
        words = ["cost", "controls-exact", "--device", device, "--runs", "none", "--out", f"{device}.json"]
        words += [word for setting in SMALL for word in ("--set", setting)]
        env = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}"}
        subprocess.run(
            [sys.executable, "-m", "experiments", *words], check=True, capture_output=True, cwd=tmp_path, env=env, timeout=300
        )
        return json.loads((tmp_path / f"{device}.json").read_text())["kinds"]["measure-exact"]["seconds"]

    assert seconds("h100") < 5 * seconds("cpu")  # 20 times and more where each has the imports in it


def test_the_paper_s_table_counts_all_its_cells():
    study = chosen("paper-table1", False, [])
    assert f"{len(list(study.cells()))} cells" in study.describe()


def test_a_folder_as_out_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["cost", "controls-exact", "--device", "h100", "--out", str(tmp_path)])
    assert isinstance(result.exception, Problem) and "--out" in str(result.exception) and not list(tmp_path.iterdir())


def test_unknown_devices_and_forms_are_refused_in_one_line():
    with pytest.raises(Problem, match="rtx9090.*h100"):
        machine_of("rtx9090", 0.3, False)
    with pytest.raises(Problem, match="no full form"):
        chosen("paper-table1", True, [])
    assert isinstance(machine_of("cpu", 0.3, False), Here)


STUDIES = {  # of different size and kind: seconds, some twenty of them, and more
    "controls-exact": ["n=500", "part=500", "sample_seeds=[0]"],
    "digits": [
        *("model.fit.steps=100", "classifier.fit.steps=100", "evaluator.fit.steps=100", "n=100", "part=50"),
        "judges.0.classifier.fit.steps=100",
        'sweeps=[{"sampler":{"is":"ancestral","v":0.3},"steps":16,"ws":[0,1,4]}]',
    ],
    "fashion": [
        *("n=100", "part=100", 'methods=["classifier-free","classifier","apg"]'),
        'sweeps=[{"sampler":"dpm-solver++","steps":8,"grid":"logsnr","ws":[0,1,2]}]',
    ],
}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # of a busy machine
@pytest.mark.parametrize("name", STUDIES)
def test_the_seconds_are_within_a_fifth_of_those_of_the_run(name, tmp_path):
    import resource

    def ran(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        settings = [word for setting in STUDIES[name] for word in ("--set", setting)]
        command = [sys.executable, "-m", "experiments", *words, "--device", "cpu", "--workers", "1", *settings]
        subprocess.run(command, check=True, capture_output=True, timeout=1200)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def predicted(number: int) -> float:
        ran("cost", name, "--runs", str(tmp_path / "none"), "--out", str(tmp_path / f"{number}.json"))
        return json.loads((tmp_path / f"{number}.json").read_text())["seconds"]

    before, seconds, after = predicted(0), ran("study", name, "--runs", str(tmp_path / "runs")), predicted(1)
    said = f"{name}: {before:.1f} and {after:.1f} s predicted, {seconds:.1f} s taken"
    print(said)
    assert 0.8 <= (before + after) / 2 / seconds <= 1.2, said
