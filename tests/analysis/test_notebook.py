"""The notebook, read as a file and run as a program: every code cell, in order, on a small study."""

import json
from pathlib import Path

import nbclient
import nbformat
import pytest
from synthetic import study

from analysis.table import write_table

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "analysis" / "notebooks" / "01_tradeoff.ipynb"


@pytest.fixture(scope="module")
def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and notebook["metadata"]["kernelspec"]["name"] == "python3"
    return notebook["cells"]


def source(cells, kind):
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def test_it_says_what_is_compared(cells):
    opening = source(cells, "markdown")[0]
    for said in (
        "ImageNet at 64x64",
        "Inception-v3",
        "1,797",
        "8x8",
        "1,000 samples a point",
        "shape of the curves, and nothing else",
    ):
        assert said in opening.replace("\n", " ")


def test_it_is_kept_without_outputs_and_without_names_of_one_world(cells):
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert not any("digits" in code for code in source(cells, "code")[1:])  # the first names the study


def test_it_runs_on_a_small_study_and_says_which(tmp_path, monkeypatch):
    notebook, outputs, said = run(study(runs=2), tmp_path, monkeypatch)
    assert f"reading {tmp_path / 'table.csv'}" in said and "2 sampling seed(s)" in said and "cannot be tested" not in said
    assert "largest difference between methods: 0.02" in said  # as the synthetic study has it
    shown = [output["data"] for output in outputs if "data" in output]
    assert any("| classifier-free | 0.1 |" in data.get("text/markdown", "") for data in shown)
    assert sum("image/png" in data for data in shown) == notebook_figures(notebook) == 7


def test_it_runs_on_one_run_of_another_world(tmp_path, monkeypatch):
    table = study(runs=1).assign(world="moons")
    table["metric"] = table["metric"].str.replace("_digits", "_moons")
    _, outputs, said = run(table, tmp_path, monkeypatch)
    assert "moons: 1 training seed(s)" in said and "one sampling seed: no w can be chosen" in said
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 7


def run(table, folder, monkeypatch):
    """The executed notebook, its outputs and what it printed."""
    write_table(table, folder / "table.csv")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return notebook, outputs, "".join(output.get("text", "") for output in outputs)


def notebook_figures(notebook):
    """Cells that end in a call which makes a figure: each must be seen, not only made."""
    makers = ("paper.beside_paper(", "figures.", "prices.cost(")
    return sum(cell.source.splitlines()[-1].startswith(makers) for cell in notebook.cells if cell.cell_type == "code")
