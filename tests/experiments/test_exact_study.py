"""Studies of worlds with an exact oracle: no network, or networks beside the exact model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import here, words
from tiny import sets

from analysis.table import read_table
from experiments.graph.verify import verify_run

NOTEBOOKS = Path(__file__).parents[2] / "analysis" / "notebooks"


@pytest.fixture(scope="module")
def plane(tiny) -> Path:
    return tiny("gaussians")


@pytest.fixture(scope="module")
def digits(tiny) -> Path:
    return tiny("digits-exact")


def value(table: pd.DataFrame, metric: str, method: str, w: float, sampler: str = "ancestral") -> float:
    rows = table[(table["metric"] == metric) & (table["method"] == method) & (table["w"] == w) & (table["sampler"] == sampler)]
    assert len(rows), (metric, method, w)
    return rows["value"].mean()


@pytest.mark.slow
def test_the_plane_is_studied_without_a_network(plane):
    table = read_table(plane / "table.csv")
    assert not list(plane.parent.glob("denoiser-*")) and set(table["train_seed"]) == {-1}
    assert {"kl_tilted", "mmd_tilted", "wasserstein_tilted", "frechet_exact", "nll_exact"} <= set(table["metric"])
    assert {"classifier-free", "classifier", "temperature", "shrunk-noise", "tilted draws"} == set(table["method"])
    assert {"figure2", "drawn_and_claimed", "kl_tilted_against_w"} <= {path.stem for path in (plane / "figures").iterdir()}
    verify_run(plane)


@pytest.mark.slow
def test_both_methods_are_one_with_the_exact_world_and_are_priced_apart(plane):
    table = read_table(plane / "table.csv")
    for metric in ("kl_tilted", "wasserstein_tilted", "std_within_class"):
        assert value(table, metric, "classifier", 2) == pytest.approx(value(table, metric, "classifier-free", 2), abs=1e-3)
    assert value(table, "nfe_denoiser_forward", "classifier-free", 2) == 128
    assert value(table, "nfe_classifier_backward", "classifier", 2) == 64


@pytest.mark.slow
def test_guidance_leaves_its_claim_and_the_controls_are_further_from_it(plane):
    """What the study is for, already at 240 samples: nothing is wrong at w = 0, and the order at w = 4 is no matter of noise."""
    table = read_table(plane / "table.csv")

    def distance(method: str, w: float, sampler: str = "ancestral") -> float:
        return value(table, "wasserstein_tilted", method, w, sampler)

    floor = distance("tilted draws", 4, sampler="")
    assert distance("classifier-free", 0) < 2 * floor
    assert 2 * floor < distance("classifier-free", 4) < distance("temperature", 4) < distance("shrunk-noise", 4)
    assert distance("classifier-free", 2, "ddim") > distance("classifier-free", 2)


@pytest.mark.slow
def test_the_exact_model_and_the_networks_stand_beside_each_other(digits):
    table = read_table(digits / "table.csv")
    assert set(table["method"]) == {"real", *(f"{m}{e}" for m in ("classifier", "classifier-free") for e in ("", " (exact)"))}
    assert set(table.loc[table["method"].str.endswith("(exact)"), "train_seed"]) == {-1}
    assert value(table, "frechet_exact", "classifier-free (exact)", 0) < value(table, "frechet_exact", "classifier-free", 0)
    assert value(table, "nfe_denoiser_forward", "classifier-free (exact)", 1) == 8
    errors = pd.read_csv(digits / "network_error.csv")
    assert set(errors["train_seed"]) == {0} and errors["logsnr"].between(-10, 10).all() and errors["value"].notna().all()


@pytest.mark.slow
def test_samples_of_an_exact_world_are_numbers_and_not_bytes(digits):
    own = {path: json.loads((path / "config.json").read_text())["values"] for path in digits.parent.glob("sample-*")}
    path = next(path for path, values in own.items() if values["model"].get("is") == "exact")
    assert {values["model"].get("is", "trained") for values in own.values()} == {"exact", "trained"}
    with np.load(path / "samples.npz", allow_pickle=False) as file:
        assert file["x"].shape == (60, 1, 8, 8) and file["x"].dtype == np.float32 and np.abs(file["x"]).max() > 1


@pytest.mark.slow
def test_the_second_time_nothing_is_done_again(plane, capsys):
    before = {path: path.stat().st_mtime_ns for path in plane.parent.rglob("*.json")}
    assert here(words(plane.parent, name="gaussians"), capsys).returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["02_gaussians", "03_network_error", "06_ddim"])
def test_a_notebook_runs_on_a_tiny_study(name, plane, digits, monkeypatch, tmp_path):
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOKS.parents[1]))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str({"02_gaussians": plane, "03_network_error": digits}.get(name, plane)))
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(shown) >= 5


EVALUATOR = {"world": "digits-exact", "network": "timm", "objective": "cross-entropy", "fit": {"steps": 5}}


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("gaussians", {"oracle": None}, "model: give one, or the oracle of an exact world"),
        ("gaussians", {"sweeps": [{"sampler": "ddim", "steps": 1, "ws": [0]}]}, "steps"),
        ("gaussians", {"density.min": 11}, "min < max"),
        (
            "gaussians",
            {"model": {"is": "train", **EVALUATOR, "world": "gaussians"}},
            "gaussians has nothing to train",
        ),
        ("digits-exact", {"evaluator": EVALUATOR}, "evaluator: a world with an exact oracle needs none"),
        ("digits-exact", {"world": "digits"}, "model: it is of the world digits-exact, and the study of digits"),
        ("digits-exact", {"classifier": None}, "classifier needs a network for its role 'classifier'; set classifier"),
        ("digits", {"oracle": {"world": "digits"}, "evaluator": None}, "oracle: digits has none"),
        ("digits", {"oracle": {"world": "digits-exact"}}, "oracle: it is of the world digits-exact, and the study of digits"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_any_work(name, settings, said, tmp_path, capsys):
    changes = [word for one in sets(settings) for word in ("--set", one)]
    result = here(["study", name, "--runs", str(tmp_path / "runs"), *changes], capsys)
    assert result.returncode == 2 and said in result.stderr.strip().splitlines()[-1] and "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()
