"""The study of classifiers in small, its tables beside each other, and what it refuses."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from small import here
from tiny import EVALUATORS, GUIDED, IMPLICIT, sets

from analysis.table import read_table
from experiments.graph.files import read_json
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.studies import load_trained
from experiments.studies.classifiers import FULL, QUICK
from experiments.studies.guides import owes_to_training
from experiments.studies.study import TABLE
from experiments.tasks.assess import clean_gradient
from experiments.tasks.measure import Measure, MeasureExact
from experiments.tasks.sources import Exact
from experiments.tasks.transfer import TransferAccuracy
from experiments.worlds import data
from experiments.worlds.digits_exact import DigitsExact
from guidance.scale import progress

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "notebooks" / "05_classifiers.ipynb"


@pytest.fixture(scope="module")
def made(tiny) -> Path:
    return tiny("classifiers")


@pytest.mark.slow  # its fixture is half a minute
def test_every_sample_is_classified_by_guides_and_by_those_that_never_guided(made):
    table = read_table(made / "table.csv")
    own = table[table["world"] == "digits"]
    assert {"real", "joint energy", "joint energy, of a class", *GUIDED, *IMPLICIT} == set(own["method"])
    guided = own[own["steps"] > 0]
    for name in ("plain", "early", "clean", "one", "two"):
        cells = guided[guided["metric"] == f"accuracy_by_{name}"]
        assert len(cells) == 2 * len(GUIDED | IMPLICIT) and cells["value"].between(0, 1).all()
    exact = table[(table["world"] == "digits-exact") & (table["metric"] == "accuracy_by_exact")]
    assert len(exact) == 2 * len(GUIDED) and (table["metric"] == "frechet_exact").any()
    verify_run(made)


@pytest.mark.slow  # its fixture is half a minute
def test_guides_agree_at_w_0_and_their_prices_are_counted(made):
    hashes, nfe = {}, {}
    for path in made.parent.glob("sample-*"):
        own, cost = read_json(path / "config.json")["values"], read_json(path / "cost.json")
        world, method, guide = own["world"]["is"], own["method"]["is"], own["others"].get("classifier", {})
        if own["method"]["w"] == 0:
            hashes.setdefault(world, set()).add(cost["float32_sha256"])
        elif world == "digits" and (guide.get("classifier") or {}).get("is") == "implicit":
            nfe["implicit"] = cost
        elif method in ("classifier", "clean-classifier"):
            nfe[method, bool(guide.get("softplus"))] = cost
    assert all(len(one) == 1 for one in hashes.values()) and len(hashes) == 2
    for name in (("classifier", False), ("classifier", True), ("clean-classifier", False)):
        assert (nfe[name]["classifier_forward"], nfe[name]["classifier_backward"]) == (40, 40), name
    calls = 20 * 2  # of so many samples
    assert nfe["implicit"]["denoiser_forward"] == calls * (1 + 10) and nfe["implicit"]["denoiser_backward"] == calls * 10
    assert nfe["implicit"]["classifier_forward"] == 0


@pytest.mark.slow  # its fixture is half a minute
def test_the_gap_is_the_guides_accuracy_less_the_evaluators(made):
    gaps, table = pd.read_csv(made / "attack.csv"), read_table(made / "table.csv")
    assert set(gaps["guided"]) == {"plain", "smooth", "clean, of x"}
    row = gaps[(gaps["world"] == "digits") & (gaps["guided"] == "smooth") & (gaps["w"] == 4)].iloc[0]
    cell = table[(table["world"] == "digits") & (table["method"] == "smooth") & (table["w"] == 4)].set_index("metric")["value"]
    expected = cell["accuracy_by_plain"] - (cell["accuracy_by_one"] + cell["accuracy_by_two"]) / 2
    assert row["gap"] == pytest.approx(expected) and row["guide_is"] == "plain"
    base = gaps[(gaps["world"] == "digits") & (gaps["guided"] == "smooth") & (gaps["w"] == 0)].iloc[0]
    assert row["baseline"] == pytest.approx(base["gap"])


@pytest.mark.slow  # its fixture is half a minute
def test_every_classifier_is_assessed_by_lambda_and_every_field_by_its_jacobian(made):
    levels = pd.read_csv(made / "by_level.csv")
    assert set(levels.loc[levels["world"] == "digits", "classifier"]) == {"plain", "early", "implicit", "clean, of x"}
    exact = levels[levels["world"] == "digits-exact"]
    assert set(exact["classifier"]) == {"plain", "implicit", "implicit, exact denoiser", "clean, of x", "exact"}
    assert exact["logsnr"].min() >= -10 and {"kl_exact", "gradient_cosine", "gradient_ratio"} <= set(exact["metric"])
    pruned, all_of_them = (levels.loc[levels["metric"] == f"evaluations_{name}", "value"] for name in ("pruned", "unpruned"))
    assert len(pruned) == len(all_of_them) and (pruned <= 10 * 4).all() and (all_of_them == 10 * 4).all()
    fields = pd.read_csv(made / "jacobian.csv").set_index(["world", "of", "field"]).sort_index()["value"]
    assert fields["digits", "networks", "classifier"].max() < 1e-3 < fields["digits", "networks", "conditional"].min()
    for field in ("conditional", "guided", "difference"):
        assert fields["digits-exact", "exact", field].max() < 1e-6, field


@pytest.mark.slow  # its fixture is half a minute
def test_the_record_is_on_test_images_and_the_report_shows_all(made):
    networks = pd.read_csv(made / "networks.csv")
    assert {"plain", "early", "clean", "one", "two", "joint energy"} == set(
        networks.loc[networks["world"] == "digits", "network"]
    )
    figures = {path.stem for path in (made / "figures").glob("*.png")}
    shared = {"by_lambda", "robust", "attack", "transfer", "quality", "gallery", "asymmetry"}
    assert figures == {f"{world}_{name}" for world in ("digits", "digits-exact") for name in shared} | {
        "digits-exact_against_exact"
    }
    report = (made / "report.html").read_text()
    assert "digits-exact: guides and evaluators" in report and 'src="http' not in report


@pytest.mark.slow  # its fixture is half a minute
def test_its_networks_are_loaded_by_their_world_as_there_are_several(made):
    with pytest.raises(Problem, match="has the worlds digits, digits-exact: say which, as in world='digits'"):
        load_trained(made)
    with pytest.raises(Problem, match="has the worlds digits, digits-exact"):
        load_trained(made, world="gaussians")
    z, level = torch.zeros(2, 1, 8, 8), torch.zeros(2)
    for world, low in (("digits", -20.0), ("digits-exact", -10.0)):
        trained = load_trained(made, world=world)
        assert trained.schedule.min == low and trained.shape == (1, 8, 8) and trained.classes == 10
        assert trained.model(z, level, torch.tensor([0, 1])).x.shape == z.shape and trained.classifier(z, level).shape == (2, 10)
    with pytest.raises(Problem, match="no training seed 5"):
        load_trained(made, seed=5, world="digits")


@pytest.mark.slow  # a notebook in a kernel: 01 in tests/analysis/test_notebook.py
def test_the_notebook_runs_on_it(made, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(made))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[2]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(made)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 13 + 2  # and a gallery a world


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"guided.plain.classifier": "bold"}, "'bold' is none of the guides"),
        ({"guided.plain.classifier": None}, "classifier needs the name of a guide"),
        ({"guided.classifier-free.method": "autoguidance"}, "needs a network that this study has not, weak"),
        (
            {"guides.vit.network.arch": "test_byobnet"},
            "evaluators: each of an architecture of its own that no guide has, not test_byobnet",
        ),
        ({"evaluators": {"one": EVALUATORS["one"]}}, "evaluators: two at least"),
        ({"guides.plain.network.arch": "resnt18"}, "no model named 'resnt18'; the nearest names are resnet18"),
        ({"guides.vit.network.size": 33}, "test_vit cannot take images of 33 x 33: Input height (33)"),
        ({"guides.half-unet.network.size": 7}, "images of 7 cannot be halved 1 times"),
        ({"guides.half-unet.network.noise_conditioning": "film"}, "no 'noise_conditioning' in half-unet"),
        ({"guided.plain, softplus.classifier": "vit"}, "no ReLU that Softplus could replace"),
        ({"guided.plain.temperature": 0}, "greater than 0"),
        ({"guides.plain.seed": 3}, "set by train_seeds"),
        ({"model.world": "digits-exact"}, "model: it is of the world digits-exact, and the study of digits"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_any_work(tmp_path, capsys, changes, said):
    settings = sets({f"worlds.digits.{name}": value for name, value in changes.items()})
    words = ["study", "classifiers", "--device", "cpu", "--workers", "1", "--runs", str(tmp_path / "runs")]
    result = here([*words, *(word for one in settings for word in ("--set", one))], capsys)
    assert result.returncode == 2 and said in result.stderr.strip().splitlines()[-1], result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("study", [QUICK, FULL], ids=["quick", "full"])
def test_the_studies_ask_both_questions_in_both_worlds(study):
    for one in study.worlds.values():
        assert {"plain", "robust"} <= set(one.guides) and {"classifier-free", "plain", "robust", "clean, of x"} <= set(one.guided)
        for each in one.guided.values():
            assert min(each.ws) == each.method.null_w, "else a curve does not begin where nothing guides"
    conditionings = {getattr(one.network, "noise_conditioning", None) for one in study.worlds["digits"].guides.values()}
    assert conditionings - {None} == {"channel", "film", "none"}


@pytest.mark.parametrize(
    ("exact", "guided", "method", "w", "owes"),
    [
        (True, False, "classifier-free", 4.0, False),
        (True, True, "classifier", 0.0, False),
        (True, True, "classifier", 4.0, True),
        (True, True, "classifier-unconditional", -1.0, False),
        (True, True, "classifier-unconditional", 1.0, True),
        (False, False, "classifier-free", 4.0, True),
    ],
)
def test_what_owes_nothing_to_a_training_is_measured_once(exact, guided, method, w, owes):
    """Else one number would count as that of every training, and the standard deviation be too small."""
    name = "plain" if guided else "classifier-free"
    one = replace(QUICK.worlds["digits-exact"].guided[name], method=method, ws=(w,))
    study = replace(QUICK.worlds["digits-exact"], train_seeds=(0, 1), guided={name: one})
    if not exact:  # as in the world of real digits, where the denoiser itself is trained
        study = replace(QUICK.worlds["digits"], train_seeds=(0, 1), guided={name: one})
    cells = [(place["train_seed"], task) for table, place, task in study.cells() if table == TABLE and place["method"] == name]
    transferred = [seed for seed, task in cells if isinstance(task, TransferAccuracy)]
    assert transferred == [0, 1], "the guides of every training classify"
    measured = {seed: task for seed, task in cells if isinstance(task, (Measure, MeasureExact))}
    assert set(measured) == ({0, 1} if owes else {0})
    assert all(owes_to_training(task.samples) == owes for _, task in cells)
    assert all(isinstance(task.samples.model, Exact) == exact for _, task in cells)
    for seed, task in cells:
        if isinstance(task, TransferAccuracy):
            assert {"plain", "clean"} <= set(task.classifiers) and task.classifiers["plain"].seed == seed


def test_the_gradient_of_a_clean_classifier_is_that_which_guides():
    """At the conditional x, without the denoiser's Jacobian: grad_x of t1 f_c - logsumexp(t2 f), longer in the middle."""
    exact = data(DigitsExact()).oracle.float()
    weight = torch.randn(10, 64, generator=torch.Generator().manual_seed(0))
    z, logsnr, label = (
        torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)),
        torch.zeros(3),
        torch.tensor([1, 4, 7]),
    )
    found = clean_gradient(exact, lambda x: x.flatten(1) @ weight.T, z, logsnr, label)
    x = exact(z, logsnr, label).x.flatten(1)
    expected = weight[label] - 0.5 * (0.5 * x @ weight.T).softmax(-1) @ weight
    expected *= 1 + 0.3 * (math.pi * progress(logsnr)).sin()[:, None]
    torch.testing.assert_close(found.flatten(1), expected, rtol=1e-3, atol=1e-3)
