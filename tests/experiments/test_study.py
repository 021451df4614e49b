"""One tiny study from nothing to report and notebook, by the commands that a user types."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from small import command, folder, litter, study

from analysis.table import read_table
from experiments.problems import Problem
from experiments.roles import load_trained
from experiments.runs import check

TIMED = {"seconds_per_sample", "peak_memory_mib"}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    runs = tmp_path_factory.mktemp("study") / "runs"
    result = study(runs)
    assert result.returncode == 0, result.stderr
    return runs


def measured(runs: Path) -> dict:
    """The table without what a clock or the machine says."""
    table = read_table(folder(runs) / "table.csv")
    table = table[~table["metric"].isin(TIMED)].copy()
    table["w"] = table["w"].map(str)  # the real images have none: NaN would not equal itself
    return {tuple(row[:-1]): row[-1] for row in table.itertuples(index=False, name=None)}


def cells(runs: Path) -> dict[tuple, Path]:
    found = {}
    for path in runs.glob("sample-*"):
        config = json.loads((path / "config.json").read_text())
        found[config["method"]["name"], config["method"]["w"], config["sampler"]["name"]] = path
    return found


def test_the_study_leaves_its_table_figures_and_report(done):
    at = folder(done)
    table = read_table(at / "table.csv")
    assert {"fid_digits", "is_digits", "recall_digits", "diversity_digits", *TIMED} <= set(table["metric"])
    assert set(table["method"]) == {"real", "classifier", "classifier-free"}
    names = {path.stem for path in (at / "figures").iterdir()}
    wanted = {"fid_against_w", "is_against_w", "fid_is_curve", "diversity_against_w", "samples_classifier-free", "cost"}
    assert wanted <= names
    report = (at / "report.html").read_text()
    assert report.count("data:image/png;base64,") == len(names)
    assert not re.search(r"""(src|href)=["']?(http|//)""", report)
    assert not litter(done)


def test_w_zero_is_the_same_samples_for_both_methods_bit_for_bit(done):
    for sampler in ("ancestral", "ddim"):
        pair = [cells(done)[method, 0.0, sampler] for method in ("classifier", "classifier-free")]
        hashes = [json.loads((path / "cost.json").read_text())["float32_sha256"] for path in pair]
        assert hashes[0] == hashes[1]
        other = cells(done)["classifier-free", 1.0, sampler]
        assert json.loads((other / "cost.json").read_text())["float32_sha256"] != hashes[0]


def test_the_price_is_the_methods_formula(done):
    for (method, w, _), path in cells(done).items():
        steps, cost = (
            json.loads((path / "config.json").read_text())["sampler"]["steps"],
            json.loads((path / "cost.json").read_text()),
        )
        counts = [cost[f"{kind}"] / 40 for kind in ("denoiser_forward", "classifier_forward", "classifier_backward")]
        two, guided = (method == "classifier-free" and w != 0), (method == "classifier" and w != 0)
        assert counts == [steps * (1 + two), steps * guided, steps * guided]
        assert cost["seconds"] > 0 and cost["peak_memory_mib"] > 50


def test_samples_are_labelled_balanced_bytes(done):
    with np.load(cells(done)["classifier", 1.0, "ddim"] / "samples.npz", allow_pickle=False) as file:
        assert file["images"].shape == (40, 8, 8, 1) and file["images"].dtype == np.uint8
        assert file["label"].tolist() == list(range(10)) * 4


def test_the_second_time_nothing_is_done_again(done):
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file() and ".locks" not in path.parts}
    start = time.perf_counter()
    result = study(done)
    assert result.returncode == 0 and "report.html" in result.stdout
    assert time.perf_counter() - start < 20
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_every_run_names_its_circumstances_and_is_what_its_manifest_says(done):
    runs = [path for path in done.iterdir() if not path.name.startswith(".")]
    assert len(runs) == 1 + 2 + 1 + 12 + 13  # study, networks, evaluator, samples, measures
    for path in runs:
        check(path)
        made = json.loads((path / "provenance.json").read_text())
        assert made["packages"]["torch"] and made["device"] and made["threads"] == 1
        assert all((done / parent).exists() for parent in made["parents"])


MOMENTS = {
    "a training is under way": ".partial/denoiser-*/step-*",
    "the first cell is sampled": "sample-*/manifest.json",
    "most cells are measured": "measure-*/manifest.json",
}


def test_two_workers_killed_at_every_stage_end_with_the_same_table(done, tmp_path):
    """SIGKILL to the command alone: its workers must die too, and what is finished must not be done again."""
    runs, stamps = tmp_path / "runs", {}
    for moment, pattern in MOMENTS.items():
        wanted = 6 if moment.startswith("most") else 1
        process = subprocess.Popen(command(runs, workers=2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(list(runs.glob(pattern))) < wanted:
            assert process.poll() is None, f"the study ended before {moment}"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(3)  # its workers notice at once
        whole = [path for path in runs.glob("*-*") if not path.name.startswith(".")]
        for path in whole:
            check(path)
        assert stamps == {path: path.stat().st_mtime_ns for path in stamps}, "a finished run was made again"
        stamps = {path: path.stat().st_mtime_ns for path in whole}
        time.sleep(2)
        assert len(list(runs.glob("*-*"))) == len(whole), "a worker outlived its command"
    result = study(runs, workers=2)
    assert result.returncode == 0, result.stderr
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}
    assert measured(runs) == measured(done) and not litter(runs)


def test_the_cell_of_the_readme_samples_threes(done, monkeypatch):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "load_trained" in block]
    monkeypatch.chdir(done.parent)  # where `runs` is
    names: dict = {}
    exec(code, names)
    assert names["x"].shape == (16, 1, 8, 8) and names["x"].abs().max() <= 1
    assert not names["x"].requires_grad


def test_a_seed_that_was_not_trained_is_named(done):
    with pytest.raises(Problem, match="no training seed 5 of a denoiser: it has 0"):
        load_trained(folder(done), seed=5)


def test_a_run_that_was_deleted_is_made_again_and_the_study_with_it(done, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    shutil.rmtree(cells(runs)["classifier", 1.0, "ddim"])
    result = study(runs)
    assert result.returncode == 0, result.stderr
    assert measured(runs) == measured(done) and cells(runs).keys() == cells(done).keys()


def test_a_number_that_was_altered_never_reaches_a_table(done, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    shutil.rmtree(folder(runs))
    altered = next(runs.glob("measure-*/metrics.json"))
    altered.write_text(altered.read_text().replace('"fid_digits": ', '"fid_digits": 1'))
    result = study(runs)
    assert result.returncode == 2 and "metrics.json is truncated or altered" in result.stderr
    assert not list(runs.glob("digits-*"))


def test_the_report_can_be_drawn_anew_from_finished_runs(done, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    stamps = {path: path.stat().st_mtime_ns for path in runs.glob("*/samples.npz")}
    before = folder(runs).stat().st_mtime_ns
    result = study(runs, None, "--redraw")
    assert result.returncode == 0, result.stderr
    assert measured(runs) == measured(done) and stamps == {path: path.stat().st_mtime_ns for path in stamps}
    assert folder(runs).stat().st_mtime_ns > before


def test_the_notebook_runs_on_the_study(done, tmp_path):
    import nbclient
    import nbformat

    path = Path(__file__).parents[2] / "analysis" / "notebooks" / "01_tradeoff.ipynb"
    notebook = nbformat.read(path, as_version=4)
    os.environ["GUIDANCE_BENCH_STUDY"] = str(folder(done))
    try:
        nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    finally:
        del os.environ["GUIDANCE_BENCH_STUDY"]
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert folder(done).name in printed
