"""The study of classifiers in small, its tables beside each other, and what it refuses."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from small import here

from analysis.table import read_table
from experiments.assess import clean_ascent
from experiments.cells import Cell
from experiments.classifiers_cells import rows_of
from experiments.configs.classifiers import FULL, QUICK
from experiments.problems import Problem
from experiments.roles import load_trained
from experiments.runs import Store, check, read_json
from experiments.sample import SampleConfig
from experiments.worlds import WORLDS
from guidance import METHODS
from guidance.cost import NFE
from guidance.scale import progress

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "notebooks" / "05_classifiers.ipynb"
FIT = {"steps": 6, "batch": 16}
GUIDED = {
    "classifier-free": {"method": "classifier-free", "ws": [0, 4]},
    "plain": {"method": "classifier", "classifier": "plain", "ws": [0, 4]},
    "smooth": {"method": "classifier", "classifier": "plain", "guide": {"softplus": 3, "temperature": 2}, "ws": [0, 4]},
    "clean, of x": {"method": "clean-classifier", "ws": [0, 1]},
}
IMPLICIT = {"implicit": {"method": "classifier", "guide": {"implicit": True, "levels": 1}, "ws": [0, 1]}}


def settings(world: str, guides: dict, guided: dict, **more: object) -> dict[str, object]:
    own = {"guides": {name: {"world": world, "fit": FIT, **one} for name, one in guides.items()}, "guided": guided}
    own |= {"denoiser": {"world": world, "network": {"width": 8}, "fit": FIT}, "sampler.steps": 2, "n": 20, "n_levels": 10}
    own |= {"n_implicit": 5, "levels_implicit": 1, "probes": 1, "clean.fit": FIT, **more}
    return {f"worlds.{world}.{name}": value for name, value in own.items()}


JUDGES = {"one": {"arch": "test_byobnet", "fit": FIT}, "two": {"arch": "test_convnext", "size": 32, "seed": 901, "fit": FIT}}
JOINT = {"half": {"width": 8, "multipliers": [1], "attention": []}, "langevin_steps": 2, "chains": 64, "fit": FIT}
SETTINGS = settings(
    "digits",
    {"plain": {}, "early": {"told": "film", "augment": True, "attack_radius": 0.5, "attack_steps": 1,
                            "fit": {**FIT, "patience": 1, "look_every": 2}}},
    GUIDED | IMPLICIT,
    judges=JUDGES,
    joint=JOINT,
) | settings("digits-exact", {"plain": {}}, GUIDED)  # fmt: skip


def words(runs: Path, values: dict[str, object]) -> list[str]:
    sets = [word for name, value in values.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    return ["study", "classifiers", "--device", "cpu", "--workers", "1", "--runs", str(runs), *sets]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    from experiments.configs import STUDIES
    from experiments.studies import doing

    runs = tmp_path_factory.mktemp("classifiers") / "runs"
    sets = [f"{name}={json.dumps(value)}" for name, value in SETTINGS.items()]
    config = STUDIES["classifiers"]["quick"].override(sets)
    return doing(config)[1](Store(runs, "cpu"), config, 1)


def test_every_sample_is_judged_by_guides_and_by_those_that_never_guided(made):
    table = read_table(made / "table.csv")
    own = table[table["world"] == "digits"]
    assert {"real", "joint energy", "joint energy, of a class", *GUIDED, *IMPLICIT} == set(own["method"])
    guided = own[own["steps"] > 0]
    for name in ("plain", "early", "clean", "one", "two"):
        cells = guided[guided["metric"] == f"accuracy_by_{name}"]
        assert len(cells) == 2 * len(GUIDED | IMPLICIT) and cells["value"].between(0, 1).all()
    exact = table[(table["world"] == "digits-exact") & (table["metric"] == "accuracy_by_exact")]
    assert len(exact) == 2 * len(GUIDED) and (table["metric"] == "frechet_exact").any()
    check(made)


def test_guides_agree_at_w_0_and_their_prices_are_counted(made):
    hashes, nfe = {}, {}
    for path in made.parent.glob("sample-*"):
        config, cost = read_json(path / "config.json"), read_json(path / "cost.json")
        if config["method"]["w"] == 0:
            hashes.setdefault(config["world"], set()).add(cost["float32_sha256"])
        elif config["world"] == "digits" and config.get("guide", {}).get("implicit"):
            nfe["implicit"] = cost
        elif config["method"]["name"] in ("classifier", "clean-classifier"):
            nfe[config["method"]["name"], bool(config.get("guide", {}).get("softplus"))] = cost
    assert all(len(one) == 1 for one in hashes.values()) and len(hashes) == 2
    for name in (("classifier", False), ("classifier", True), ("clean-classifier", False)):
        assert (nfe[name]["classifier_forward"], nfe[name]["classifier_backward"]) == (40, 40), name
    calls = 20 * 2  # of so many samples
    assert nfe["implicit"]["denoiser_forward"] == calls * (1 + 10) and nfe["implicit"]["denoiser_backward"] == calls * 10
    assert nfe["implicit"]["classifier_forward"] == 0


def test_the_gap_is_the_guides_accuracy_less_the_judges(made):
    gaps, table = pd.read_csv(made / "attack.csv"), read_table(made / "table.csv")
    assert set(gaps["guided"]) == {"plain", "smooth", "clean, of x"}
    row = gaps[(gaps["world"] == "digits") & (gaps["guided"] == "smooth") & (gaps["w"] == 4)].iloc[0]
    cell = table[(table["world"] == "digits") & (table["method"] == "smooth") & (table["w"] == 4)].set_index("metric")["value"]
    expected = cell["accuracy_by_plain"] - (cell["accuracy_by_one"] + cell["accuracy_by_two"]) / 2
    assert row["gap"] == pytest.approx(expected) and row["guide_is"] == "plain"
    base = gaps[(gaps["world"] == "digits") & (gaps["guided"] == "smooth") & (gaps["w"] == 0)].iloc[0]
    assert row["baseline"] == pytest.approx(base["gap"])


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


def test_the_record_is_on_held_out_images_and_the_report_shows_all(made):
    networks = pd.read_csv(made / "networks.csv")
    assert {"plain", "early", "clean", "one", "two", "joint energy"} == set(
        networks.loc[networks["world"] == "digits", "network"]
    )
    figures = {path.stem for path in (made / "figures").glob("*.png")}
    shared = {"by_lambda", "robust", "attack", "transfer", "quality", "gallery", "asymmetry"}
    assert figures == {f"{world}_{name}" for world in WORLDS if world != "gaussians" for name in shared} | {
        "digits-exact_against_exact"
    }
    report = (made / "report.html").read_text()
    assert "digits-exact: guides and judges" in report and "<script" not in report


def test_its_networks_are_loaded_by_their_names_as_there_are_several_of_a_seed(made):
    with pytest.raises(Problem, match="has 2 runs of a denoiser of the training seed 0: load one by its name"):
        load_trained(made)


def test_the_notebook_runs_on_it(made, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(made))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[2]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(made)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 13


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"guided.plain.classifier": "bold"}, "'bold' is none of the guides"),
        ({"guided.plain.classifier": None}, "classifier needs the name of a guide"),
        ({"guided.classifier-free.method": "autoguidance"}, "needs a network that this study has not, weak"),
        ({"guides.vit.arch": "test_byobnet"}, "judges: each of an architecture of its own that no guide has, not test_byobnet"),
        ({"judges": {"one": JUDGES["one"]}}, "judges: two at least"),
        ({"guides.plain.arch": "resnt18"}, "no model named 'resnt18'; the nearest names are resnet18"),
        ({"guides.vit.size": 33}, "test_vit cannot take images of 33 x 33: Input height (33)"),
        ({"guides.half-unet.size": 7}, "images of 7 cannot be halved 1 times"),
        ({"guides.half-unet.told": "film"}, "half-unet is told lambda by its normalisations"),
        ({"guided.plain, softplus.classifier": "vit"}, "no ReLU that Softplus could take the place of"),
        ({"guided.plain.guide.temperature": 0}, "greater than 0"),
        ({"guides.plain.seed": 3}, "set by train_seeds"),
        ({"denoiser.world": "digits-exact"}, "must be of the study's world"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_any_work(tmp_path, capsys, changes, said):
    result = here(words(tmp_path / "runs", {f"worlds.digits.{name}": value for name, value in changes.items()}), capsys)
    assert result.returncode == 2 and said in result.stderr.strip().splitlines()[-1], result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("config", [QUICK, FULL], ids=["quick", "full"])
def test_the_studies_ask_both_questions_in_both_worlds(config):
    for one in config.worlds.values():
        assert {"plain", "robust"} <= set(one.guides) and {"classifier-free", "plain", "robust", "clean, of x"} <= set(one.guided)
        for each in one.guided.values():
            assert min(each.ws) == METHODS[each.method].unguided, "else a curve does not begin where nothing guides"
    assert {one.told for one in config.worlds["digits"].guides.values()} == {"channel", "film", "none"}


@pytest.mark.parametrize(
    ("denoiser", "classifier", "method", "w", "owes"),
    [
        (None, None, "classifier-free", 4.0, False),
        (None, "classifier-a", "classifier", 0.0, False),
        (None, "classifier-a", "classifier", 4.0, True),
        (None, "classifier-a", "classifier-unconditional", -1.0, False),
        (None, "classifier-a", "classifier-unconditional", 1.0, True),
        ("denoiser-a", None, "classifier-free", 4.0, True),
    ],
)
def test_what_owes_nothing_to_a_training_is_measured_once(tmp_path, denoiser, classifier, method, w, owes):
    """Else one number would count as that of every training, and the standard deviation be too small."""
    config = QUICK.worlds["digits-exact"].model_copy(update={"train_seeds": (0, 1)})
    own = SampleConfig(
        world="digits-exact",
        denoiser=denoiser,
        classifier=classifier,
        method={"name": method, "w": w},
        sampler=config.sampler,
        logsnr=config.logsnr,
        n=2,
        seed=0,
    )
    for name in ("samples", "measures", "said"):
        (tmp_path / name).mkdir()
    cost = {name: 1.0 for name in ("seconds", "peak_memory_mib", *vars(NFE()))}
    (tmp_path / "samples" / "cost.json").write_text(json.dumps(cost))
    (tmp_path / "samples" / "effective.json").write_text(json.dumps({"overall": {"scale": None}}))
    (tmp_path / "measures" / "metrics.json").write_text("{}")
    (tmp_path / "said" / "judged.json").write_text(json.dumps({"plain": 1.0}))
    measured = {}
    for seed in config.train_seeds:
        cell = Cell(seed, "guided", own, tmp_path / "samples", tmp_path / "measures")
        found = [row["metric"] for row in rows_of(config, cell, tmp_path / "said")]
        assert found.count("accuracy_by_plain") == 1, "every training's guides judge"
        measured[seed] = "seconds_per_sample" in found
    assert measured == {0: True, 1: owes}


def test_the_gradient_of_a_clean_classifier_is_that_which_guides():
    """At the conditional x, without the denoiser's Jacobian: grad_x of t1 f_c - logsumexp(t2 f), longer in the middle."""
    exact = WORLDS["digits-exact"]().exact.float()
    weight = torch.randn(10, 64, generator=torch.Generator().manual_seed(0))
    z, logsnr, label = (
        torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)),
        torch.zeros(3),
        torch.tensor([1, 4, 7]),
    )
    found = clean_ascent(exact, lambda x: x.flatten(1) @ weight.T, z, logsnr, label)
    x = exact(z, logsnr, label).x.flatten(1)
    expected = weight[label] - 0.5 * (0.5 * x @ weight.T).softmax(-1) @ weight
    expected *= 1 + 0.3 * (math.pi * progress(logsnr)).sin()[:, None]
    torch.testing.assert_close(found.flatten(1), expected, rtol=1e-3, atol=1e-3)
