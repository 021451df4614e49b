"""The study of all methods by the commands that a user types, with a few of them; and what its configuration refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from small import here

from analysis.table import read_table
from experiments.configs.methods import FULL, QUICK, possible
from experiments.methods_config import MethodsConfig
from guidance import METHODS

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "notebooks" / "04_methods.ipynb"
FEW = '[{"name": "classifier-free", "ws": [0, 1, 4]}, {"name": "apg", "ws": [1, 4]}, {"name": "autoguidance", "ws": [1]}'
SIZES = {"gaussians": 90, "digits-exact": 40, "digits": 40}
SWEEP = '[{"sampler": {"name": "ddim", "steps": 4, "options": {"eta": 1}}, "ws": [1]}]'
TRAINED = "".join(f', {{"name": "{name}", "ws": [1]}}' for name in ("pag", "dps", "two-networks", "two-conditions"))
NAMES = {"apg", "autoguidance", "pag", "dps", "two-networks", "two-conditions"}
NETWORKS = ("denoiser", "classifier", "evaluator", "clean", "weak", "unconditional")
SETTINGS = {
    **{f"worlds.{world}.{name}": f"{n}" for world, n in SIZES.items() for name in ("n", "part")},
    **{f"worlds.{world}.sweeps": SWEEP for world in SIZES},
    **{f"worlds.{world}.methods": FEW + (TRAINED if world == "digits" else "") + "]" for world in SIZES},
    "worlds.digits.denoiser.network.width": "8",
    **{f"worlds.digits.{role}.fit.steps": "20" for role in NETWORKS},
}


def guidance_bench(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "experiments", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=os.environ)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    runs = tmp_path_factory.mktemp("methods") / "runs"
    sets = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    result = guidance_bench("study", "methods", "--device", "cpu", "--workers", "1", "--runs", str(runs), *sets)
    assert result.returncode == 0, result.stderr
    assert "verdict" in result.stdout
    (folder,) = runs.glob("methods-????????????")
    return folder


def test_one_table_holds_every_world_and_what_each_method_cost(made):
    table = read_table(made / "table.csv")
    assert set(table["world"]) == set(SIZES)
    own = table[table["world"] == "digits"]
    nfe = own[own["metric"] == "nfe_denoiser_forward"].groupby(["method", "w"])["value"].max()
    assert nfe["classifier-free", 0] == 4 and nfe["classifier-free", 1] == nfe["apg", 1] == nfe["pag", 1] == 8
    weak = own[own["metric"] == "nfe_weak_forward"].groupby("method")["value"].max()
    assert weak["autoguidance"] == weak["two-networks"] == 4 and weak["apg"] == 0
    pushed = table[table["metric"] == "effective_w"].groupby(["world", "method", "w"])["value"].mean()
    for world in SIZES:
        assert pushed[world, "classifier-free", 4] == pytest.approx(4, rel=0.02), world


def test_the_comparison_has_a_verdict_for_every_method_and_the_figures_are_there(made):
    compared = pd.read_csv(made / "compared.csv")
    assert set(compared.loc[compared["world"] == "digits", "method"]) == NAMES
    assert compared["verdict"].str.len().gt(0).all() and compared["distance"].notna().all()
    figures = {path.name for path in (made / "figures").glob("*.png")}
    assert {f"{world}_{name}.png" for world in SIZES for name in ("quality_diversity", "equal_nfe", "gallery")} <= figures
    report = (made / "report.html").read_text()
    assert "World digits-exact" in report and "<script" not in report


def test_the_notebook_runs_on_it(made, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(made))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[2]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(made)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6 * len(SIZES), "six figures a world"
    assert any("verdict" in output.get("data", {}).get("text/markdown", "") for output in outputs)


@pytest.mark.parametrize("config", [QUICK, FULL], ids=["quick", "full"])
def test_every_method_is_studied_in_every_world_where_it_can_be(config):
    for world, study in config.worlds.items():
        names = {method.name for method in study.methods}
        assert names == {name for name in METHODS if possible(name, world)}
        assert len(study.sample_seeds) > 1
    everywhere = {method.name for study in config.worlds.values() for method in study.methods}
    assert set(METHODS) == everywhere, f"studied nowhere: {set(METHODS) - everywhere}"


def test_what_cannot_be_compared_is_refused():
    study = QUICK.worlds["gaussians"]
    with pytest.raises(ValueError, match="two seeds at least"):
        MethodsConfig(worlds={"gaussians": study.model_copy(update={"sample_seeds": (0,)})})
    with pytest.raises(ValueError, match="its study is of gaussians"):
        MethodsConfig(worlds={"digits": study})
    with pytest.raises(ValueError, match="classifier-free with w = 0"):
        others = tuple(method for method in study.methods if method.name != "classifier-free")
        MethodsConfig(worlds={"gaussians": study.model_copy(update={"methods": others})})


def test_a_method_that_needs_a_network_that_is_not_there_is_refused(capsys):
    result = here(["study", "methods", "--set", "worlds.digits.weak=null"], capsys)
    assert result.returncode == 2 and "autoguidance needs a network for its role 'weak'" in result.stderr


def test_a_sampler_that_a_method_is_not_defined_for_is_refused_before_any_work(tmp_path, capsys):
    settings = ['methods=["classifier-free", "classifier-mean"]', 'sweeps=[{"sampler": {"name": "heun", "steps": 4}, "ws": [1]}]']
    result = here(["study", "gaussians", "--runs", str(tmp_path), *(w for one in settings for w in ("--set", one))], capsys)
    assert result.returncode == 2 and "classifier-mean" in result.stderr and "heun" in result.stderr
    assert not list(tmp_path.iterdir())


def test_one_method_may_be_held_to_the_laws_by_name(capsys):
    told = here(["laws", "apg"], capsys)
    assert told.returncode == 0 and "broken" not in told.stdout and told.stdout.count("holds") >= 8
    unknown = here(["laws", "agp"], capsys)
    assert unknown.returncode == 2 and "there is no method 'agp'" in unknown.stderr
