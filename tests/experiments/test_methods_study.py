"""The study of all methods, with a few of them; and what its configuration refuses."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from small import here
from tiny import SIZES

from analysis.table import read_table
from experiments.studies import Comparison
from experiments.studies.methods import FULL, QUICK, possible
from experiments.studies.sweep import Curve
from guidance import METHODS

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "notebooks" / "04_methods.ipynb"
NAMES = {"apg", "autoguidance", "pag", "dps", "two-networks", "two-conditions"}


@pytest.fixture(scope="module")
def made(tiny) -> Path:
    return tiny("methods")


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_comparison_has_a_verdict_for_every_method_and_the_figures_are_there(made):
    compared = pd.read_csv(made / "compared.csv")
    assert set(compared.loc[compared["world"] == "digits", "method"]) == NAMES
    assert "verdict" in (made / "summary.txt").read_text()
    assert compared["verdict"].str.len().gt(0).all() and compared["largest"].notna().all()
    figures = {path.name for path in (made / "figures").glob("*.png")}
    assert {f"{world}_{name}.png" for world in SIZES for name in ("quality_diversity", "equal_nfe", "gallery")} <= figures
    report = (made / "report.html").read_text()
    assert "World digits-exact" in report and 'src="http' not in report


@pytest.mark.slow
def test_the_notebook_runs_on_it(made, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(made))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[2]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(made)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert figures == 4 * len(SIZES), "four a world; of one number of levels those at equal cost are the first again"
    assert any("verdict" in output.get("data", {}).get("text/markdown", "") for output in outputs)


@pytest.mark.parametrize("study", [QUICK, FULL], ids=["quick", "full"])
def test_every_method_is_studied_in_every_world_where_it_can_be(study):
    for one in study.worlds.values():
        names = {curve.method.name for curve in one.methods}
        assert names == {name for name in METHODS if possible(name, one)}
        assert len(one.sample_seeds) > 1
    everywhere = {curve.method.name for one in study.worlds.values() for curve in one.methods}
    nowhere = {
        name for name, kind in METHODS.items() if {"strength", "internal"} & set(kind.requires_model)
    }  # of networks of their own
    assert set(METHODS) - nowhere == everywhere, f"studied nowhere: {set(METHODS) - nowhere - everywhere}"


def test_what_cannot_be_compared_is_refused():
    study = QUICK.worlds["gaussians"]
    with pytest.raises(ValueError, match="two seeds at least"):
        Comparison(name="one", worlds={"gaussians": replace(study, sample_seeds=(0,))})
    with pytest.raises(ValueError, match="its study is of gaussians"):
        Comparison(name="other", worlds={"digits": study})
    others = tuple(curve for curve in study.methods if curve.method.name != "classifier-free")
    windowed = METHODS["classifier-free"](logsnr_min=-2.0)
    for reference in ((), (Curve(method=windowed, ws=(0.0, 1.0)),), (Curve(method=METHODS["classifier-free"](), ws=(0.0,)),)):
        with pytest.raises(ValueError, match="the reference of the comparison is classifier-free with ws of its own, 0 and"):
            Comparison(name="no-reference", worlds={"gaussians": replace(study, methods=(*others, *reference))})
    with pytest.raises(ValueError, match="one sampler and one number of levels"):
        more = replace(QUICK.worlds["digits-exact"].sweeps[0], steps=17)
        other = replace(QUICK.worlds["digits-exact"], sweeps=(more,))
        Comparison(name="unlike", worlds={"gaussians": study, "digits-exact": other})


def test_a_method_that_needs_a_network_that_is_not_there_is_refused(tmp_path, capsys):
    result = here(["study", "methods", "--runs", str(tmp_path / "runs"), "--set", "worlds.digits.weak=null"], capsys)
    assert result.returncode == 2 and "autoguidance needs a network for its role 'weak'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_sampler_that_a_method_is_not_defined_for_is_refused_before_any_work(tmp_path, capsys):
    settings = ['methods=["classifier-free", "classifier-mean"]', 'sweeps=[{"sampler": "heun", "steps": 4, "ws": [1]}]']
    result = here(["study", "gaussians", "--runs", str(tmp_path), *(w for one in settings for w in ("--set", one))], capsys)
    assert result.returncode == 2 and "classifier-mean" in result.stderr and "heun" in result.stderr
    assert not list(tmp_path.iterdir())


def test_one_method_may_be_held_to_the_laws_by_name(capsys):
    told = here(["laws", "apg"], capsys)
    assert told.returncode == 0 and "broken" not in told.stdout and told.stdout.count("holds") >= 8
    unknown = here(["laws", "agp"], capsys)
    assert unknown.returncode == 2 and "there is no method 'agp'" in unknown.stderr


@pytest.mark.parametrize("world", ["gaussians", "digits-exact", "fashion"])
def test_its_main_sweep_is_that_of_the_protocol(world):
    """Else no method could be submitted out of the study that ran it."""
    from experiments.benchmark.cells import MethodCells
    from experiments.benchmark.protocol import read_protocol

    curve = Curve(method=METHODS["apg"](), ws=(0.0, 1.0))
    own = MethodCells(name="apg", protocol=read_protocol("v1").content, methods={world: curve})
    made = {placed.task.address for placed in FULL.worlds[world].cells()}
    assert {placed.task.address for placed in own.cells()} <= made
