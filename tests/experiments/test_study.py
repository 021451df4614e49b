"""One tiny study from nothing to report and notebook."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from frozen import differences, same_machine
from small import apart, command, folder, here, litter, words
from tiny import make_here, tiny_study

from analysis.table import read_table
from experiments.graph.store import Store
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.studies import load_trained
from experiments.studies.study import shared

TIMED = {"seconds_per_sample", "peak_memory_mib"}


@pytest.fixture(scope="module")
def done(tiny) -> Path:
    return tiny("digits").parent


def measured(runs: Path) -> dict:
    """The table without what a clock or the machine says."""
    table = read_table(folder(runs) / "table.csv")
    table = table[~table["metric"].isin(TIMED)].copy()
    table["w"] = table["w"].map(str)  # the real images have none: NaN would not equal itself
    return {tuple(row[:-1]): row[-1] for row in table.itertuples(index=False, name=None)}


def values(path: Path) -> dict:
    return json.loads((path / "config.json").read_text())["values"]


def cells(runs: Path) -> dict[tuple, Path]:
    found = {}
    for path in runs.glob("sample-*"):
        own = values(path)
        found[own["method"]["is"], own["method"]["w"], own["sampler"]["is"]] = path
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
    assert report.count('<img src="data:image/png;base64,') == len(names)
    markup = re.sub("<script.*?</script>", "", report, flags=re.DOTALL)  # what scripts ask for: tests/analysis/test_page.py
    assert not re.search(r"""(src|href)=["']?(http|//)""", markup)
    assert not litter(done)


def test_w_zero_is_sampled_once_and_stands_in_the_table_under_both_methods(done):
    found, table = cells(done), read_table(folder(done) / "table.csv")
    assert len(found) == 10 and {method for method, w, _ in found if w == 0} == {"classifier-free"}
    for sampler, steps in (("ancestral", 4), ("ddim", 3)):
        own = table[(table["w"] == 0) & (table["sampler"] == sampler)].set_index(["metric", "n"])
        one, two = (own[own["method"] == method]["value"] for method in ("classifier", "classifier-free"))
        assert len(one) > 10 and one.to_dict() == two.to_dict()
        nfe = {kind: one[kind, 40] for kind in ("nfe_denoiser_forward", "nfe_classifier_forward", "nfe_classifier_backward")}
        assert list(nfe.values()) == [steps, 0, 0]


def test_w_zero_is_what_each_method_samples_by_itself(done, tmp_path):
    """As every method would, were its w = 0 a cell of its own: `shared` rests on a law, and leaves those that keep it not."""
    placed = [each for each in tiny_study("digits").cells() if each.place.get("method") == "classifier"]
    own = {(each.place["w"], each.place["sampler"]): each.task.samples for each in placed}[1, "ddim"]
    unshared, store = replace(own, method=replace(own.method, w=0.0)), Store(tmp_path)
    for path in done.glob("*"):
        if path.name.startswith(("denoiser-", "classifier-")):
            shutil.copytree(path, tmp_path / path.name)
    assert store.make(unshared, "cpu") == "made" and shared(unshared) != unshared and shared(own) == own
    mine, common = (
        json.loads((path / "cost.json").read_text()) for path in (store.path(unshared), done / shared(unshared).address)
    )
    assert mine == common

    class Another(type(unshared.method)):
        name = "another"

        def __call__(self, model, *others, **named):
            return super().__call__(model, *others, **named)

    other = replace(unshared, method=Another(w=0.0))
    assert shared(other) == other


def test_the_price_is_the_methods_formula(done):
    for (method, w, _), path in cells(done).items():
        steps, cost = values(path)["steps"], json.loads((path / "cost.json").read_text())
        timing = json.loads((path / "timing.json").read_text())
        counts = [cost[f"{kind}"] / 40 for kind in ("denoiser_forward", "classifier_forward", "classifier_backward")]
        two, guided = (method == "classifier-free" and w != 0), (method == "classifier" and w != 0)
        assert counts == [steps * (1 + two), steps * guided, steps * guided]
        assert timing["seconds"] > 0 and timing["peak_memory_mib"] > 50 and not timing.keys() & cost.keys()


def test_samples_are_labelled_balanced_bytes(done):
    with np.load(cells(done)["classifier", 1.0, "ddim"] / "samples.npz", allow_pickle=False) as file:
        assert file["images"].shape == (40, 8, 8, 1) and file["images"].dtype == np.uint8
        assert file["label"].tolist() == list(range(10)) * 4


def stamps(runs: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file() and ".locks" not in path.parts}


def test_the_second_time_nothing_is_done_again(done, capsys):
    before = stamps(done)
    result = here(words(done), capsys)
    assert result.returncode == 0 and "report.html" in result.stdout
    assert before == stamps(done)


def test_every_run_names_its_circumstances_and_is_what_its_manifest_says(done):
    runs = [path for path in done.iterdir() if not path.name.startswith(".")]
    assert len(runs) == 1 + 2 + 2 + 10 + 2 * 11  # study, networks, evaluator and judge, samples, measures by both
    for path in runs:
        manifest = verify_run(path)
        made = json.loads((path / "provenance.json").read_text())
        assert made["packages"]["torch"] and made["device"] and made["threads"] == 1
        assert all((done / parent).is_dir() for parent in manifest.parents)
        trained = path.name.startswith(("denoiser", "classifier", "evaluator"))
        assert trained == (not manifest.parents) and manifest.code


MOMENTS = {
    "a training is under way": ".partial/denoiser-*/*/step-*",
    "the first cell is sampled": "sample-*/manifest.json",
    "most cells are measured": "measure-*/manifest.json",
}


@pytest.mark.slow  # its fast twin kills toys: test_store_processes.py
def test_two_workers_killed_at_every_stage_end_with_the_same_table(done, tmp_path):
    """SIGKILL to the command alone: its workers must die too, and what is finished must not be done again."""
    runs, kept = tmp_path / "runs", {}
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
            verify_run(path)
        assert kept == {path: path.stat().st_mtime_ns for path in kept}, "a finished run was made again"
        kept = {path: path.stat().st_mtime_ns for path in whole}
        time.sleep(2)
        assert len(list(runs.glob("*-*"))) == len(whole), "a worker outlived its command"
    result = apart(runs, workers=2)
    assert result.returncode == 0, result.stderr
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert measured(runs) == measured(done) and not litter(runs)
    assert not list(differences("digits", folder(runs), exactly=same_machine())), "two processes made all of it"


def test_the_cell_of_the_page_of_notebooks_samples_threes(done, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "notebooks.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "load_trained" in block]
    monkeypatch.chdir(done.parent)  # where `runs` is
    names: dict = {}
    exec(code, names)
    assert names["x"].shape == (16, 1, 8, 8) and names["x"].abs().max() <= 1
    assert not names["x"].requires_grad


def test_a_seed_that_was_not_trained_is_named(done):
    with pytest.raises(Problem, match="no training seed 5: it has 0"):
        load_trained(folder(done), seed=5)


def test_a_run_that_was_deleted_is_made_again_and_what_is_made_of_it_found(done, tmp_path):
    """The same bytes come of it, so that nothing that was made of it is another now."""
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    gone = cells(runs)["classifier", 1.0, "ddim"]
    before = (gone / "samples.npz").read_bytes()
    kept = {path: found for path, found in stamps(runs).items() if path.parent.name.startswith("measure-")}
    shutil.rmtree(gone)
    make_here(tiny_study("digits"), runs)
    assert (gone / "samples.npz").read_bytes() == before and kept == {path: path.stat().st_mtime_ns for path in kept}
    assert measured(runs) == measured(done) and cells(runs).keys() == cells(done).keys()


def test_a_number_that_was_altered_never_reaches_a_table(done, tmp_path, capsys):
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    shutil.rmtree(folder(runs))
    altered = next(runs.glob("measure-*/metrics.json"))
    altered.write_text(altered.read_text().replace('"fid_digits": ', '"fid_digits": 1'))
    result = here(words(runs), capsys)
    assert result.returncode == 2 and "metrics.json is truncated or altered" in result.stderr
    assert not list(runs.glob("digits-*"))


@pytest.mark.slow
def test_the_report_is_drawn_anew_from_finished_runs_when_it_is_not_there(done, tmp_path):
    """Or when anything of it has changed; nobody has to ask for it."""
    runs = tmp_path / "runs"
    shutil.copytree(done, runs)
    report = folder(runs)
    kept = {path: found for path, found in stamps(runs).items() if report not in path.parents}
    pages = {path.name: path.read_bytes() for path in report.glob("*.csv")}
    before = report.stat().st_mtime_ns
    shutil.rmtree(report)
    assert make_here(tiny_study("digits"), runs) == report
    assert kept == {path: path.stat().st_mtime_ns for path in kept} and measured(runs) == measured(done)
    assert pages == {path.name: path.read_bytes() for path in report.glob("*.csv")} and report.stat().st_mtime_ns > before


@pytest.mark.slow  # its fast twin runs it on a table that was made by hand: tests/analysis/test_notebook.py
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
