"""Every page of docs/add is one screen, and its example runs: as files beside the user, and a cell that imports them."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch

ADD = Path(__file__).parent.parent / "docs" / "add"
PAGES = ("method", "sampler", "world", "images", "network", "checkpoint", "metric", "features", "study")


@pytest.fixture
def run(tmp_path, monkeypatch, undrawn):
    """The names that a page's cells leave behind; a block that begins with `# name.py` is written to that file first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def ran(page: str) -> dict:
        names: dict = {"__name__": f"page_{page}"}
        for block in re.findall(r"```python\n(.*?)```", (ADD / f"{page}.md").read_text(), re.DOTALL):
            if file := re.match(r"# (\w+)\.py\n", block):
                (tmp_path / f"{file[1]}.py").write_text(block)
                written.append(file[1])
            else:
                exec(block, names)
        return names

    yield ran
    for name in written:
        sys.modules.pop(name, None)


def value(results, metric: str, **where: object) -> float:
    """The one number of a summary."""
    rows = results.summary[results.summary["metric"] == metric]
    for column, wanted in where.items():
        rows = rows[rows[column] == wanted]
    (found,) = rows["value"]
    return found


def test_every_page_is_there_and_one_screen_and_named_by_contributing():
    contributing = (ADD.parent.parent / "CONTRIBUTING.md").read_text()
    assert {path.stem for path in ADD.glob("*.md")} == set(PAGES)
    for page in PAGES:
        assert len((ADD / f"{page}.md").read_text().splitlines()) <= 55, page
        assert f"docs/add/{page}.md" in contributing, page
    assert len(contributing.splitlines()) <= 50


def test_every_kind_that_an_entry_point_can_add_is_in_the_table_of_contributing():
    from experiments.registry import GUIDANCE, OURS, registry

    contributing = (ADD.parent.parent / "CONTRIBUTING.md").read_text()
    kinds = [kind for kind in (*OURS, *GUIDANCE) if hasattr(registry(kind), "group")]  # a plain dictionary takes no entry points
    assert {"methods", "worlds", "features"} <= set(kinds)
    for kind in kinds:
        assert re.search(rf"^\| an? .*`guidance_bench\.{kind}`", contributing, re.MULTILINE), kind


def test_the_method_obeys_the_laws_and_does_what_it_says(run):
    method = run("method")["Faded"]
    from guidance import METHODS, SAMPLERS, CosineLogSNR, sample
    from guidance.law_kit import SHAPE, make_kit

    model, label = make_kit(method).roles["model"], torch.arange(4) % 3
    drawn = [
        sample(one(model), SAMPLERS["ddim"](), CosineLogSNR(-5.0, 5.0).grid(4), label, SHAPE, 0)
        for one in (method(w=1.0, power=0.0), METHODS["classifier-free"](w=1.0), method(w=1.0))
    ]
    assert torch.allclose(drawn[0], drawn[1], atol=1e-5) and not torch.allclose(drawn[2], drawn[1], atol=1e-2)


def test_the_sampler_has_the_order_that_it_declares(run):
    names = run("sampler")
    assert abs(names["order"] - names["Midpoint"].order) < 0.15
    counted = []
    model = names["model"]
    names["Midpoint"]()(lambda *parts: counted.append(0) or model(*parts), names["z"], names["density"].grid(5), None, None)
    assert len(counted) == names["Midpoint"]().calls(5)


@pytest.mark.slow
def test_the_world_is_loaded_and_studied(run):
    names = run("world")
    from experiments.worlds import data

    assert data(names["line"]).oracle.classes == 2
    results = names["results"]
    assert list(results.worlds) == ["line"] and (results.folder / "report.html").is_file()
    near, far = (value(results, "kl_tilted", w=w, method="classifier-free") for w in (0, 2))
    assert near < far < 1
    apart = [value(results, "accuracy_exact", w=w, method="classifier-free") for w in (0, 2)]
    assert 0.9 < apart[0] <= apart[1]


def test_the_images_are_a_world_with_a_name_and_floats_where_they_are_read(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    names = run("images")
    assert names["world"].label == "images-flowers-16-adm" and tuple(names["x"].shape) == (4, 3, 16, 16)
    means = names["x"].mean((1, 2, 3))
    assert names["label"].tolist() == [0] * 4 and (means < 0).all() and len(names["loaded"].test.x) == 4


def test_the_network_learns(run):
    names = run("network")
    losses = names["losses"][names["losses"]["metric"] == "eps_loss_conditional"]
    assert 0 < losses["value"].min() < 0.7  # of a network that always says 0 it is 1
    assert set(names["results"].summary["method"]) >= {"classifier-free"}


def test_the_checkpoint_plays_the_model_and_another_file_is_refused(run):
    from experiments.problems import Problem
    from experiments.studies import run_study

    names = run("checkpoint")
    results = names["results"]
    assert not results.failed and value(results, "frechet_exact", w=0, method="classifier-free") > 0
    (manifest, *_) = [path.read_text() for path in Path("runs").glob("sample-*/manifest.json")]
    assert '"my_checkpoint"' in manifest
    names["save_file"](names["Foreign"]().state_dict(), "weights.safetensors")
    with pytest.raises(Problem, match="it is another file"):
        run_study(names["study"], runs="elsewhere", workers=1)


def test_the_metric_stands_in_the_tables_and_in_the_report_with_its_words(run):
    names = run("metric")
    from analysis.metrics import main_columns, metric

    rows, results = names["rows"], names["results"]
    assert len(rows) == 2 + 2 and (rows["value"] > 0).all()  # two w, and draws of the tilted density beside each
    assert value(results, "off_centre", w=0, method="classifier-free") < value(
        results, "off_centre", w=2, method="classifier-free"
    )
    assert metric("off_centre").direction == "lower is better" and "off_centre" in main_columns(results.columns)
    assert "off_centre" in (results.folder / "report.html").read_text()
    (manifest, *_) = [path.read_text() for path in Path("runs").glob("measure-exact-*/manifest.json")]
    assert '"my_metric"' in manifest


@pytest.mark.slow
def test_the_feature_network_measures_a_study_beside_its_evaluator(run):
    names = run("features")
    results, rows = names["results"], names["rows"]
    assert len(rows) == 4 + 1 and (rows["value"] > 0).all()  # two methods at two w, and the test images
    assert rows.loc[rows["method"] == "real", "value"].item() < rows.loc[rows["method"] != "real", "value"].min()
    assert {"fid_digits", "recall_projection-16"} <= set(results.columns) and "is_projection-16" not in results.columns
    assert "random directions, of torch's seed 0" in (results.folder / "report.html").read_text()


def test_the_study_is_made_once_and_has_two_forms(run):
    names = run("study")
    table = names["table"]
    assert names["page"].is_file() and set(table["w"].dropna()) == {0, 2}
    assert {"classifier-free", "classifier-free(logsnr_min=-2.0, logsnr_max=2.0)"} <= set(table["method"])
    before = {path.stat().st_mtime_ns for path in Path("runs").glob("*/manifest.json")}
    names["run_study"](names["QUICK"], runs="runs", workers=1)
    assert {path.stat().st_mtime_ns for path in Path("runs").glob("*/manifest.json")} == before
    from experiments.studies.chosen import chosen

    assert chosen("my_study:STUDIES", True, []).n == 2000


def test_the_page_on_samples_samples(run):
    drawn = run("../sample")["drawn"]
    assert drawn.x.shape == (20, 1, 8, 8) and drawn.label.tolist() == [3, 8] * 10 and drawn.nfe.denoiser_forward == 64


def test_the_page_on_distillation_names_its_rounds(run):
    names = run("../distillation")
    assert [task.objective.steps for task in names["rounds"].values()] == [16, 8, 4]


def test_the_page_on_features_measures_two_folders(run):
    names = run("../features")
    assert names["distance"] > 0 and set(names["found"]) >= {f"{name}_test-resnet-random-32" for name in ("fid", "recall")}


def test_the_page_on_guidance_at_one_forward_guides(run):
    names = run("../one-forward")
    assert names["pred"].x.shape == (2, 1, 8, 8) and names["model"].strengths == ("guidance-free", 0.0, 0.9)


def test_the_page_on_diffusers_runs(run):
    pytest.importorskip("diffusers.guiders")
    names = run("../diffusers")
    from guidance.integrations.diffusers import carried

    assert names["z"].isfinite().all() and names["guide"].guidance.wants_null
    assert len(carried()) == 22 and "Twenty-two methods" in (ADD.parent / "diffusers.md").read_text()


@pytest.mark.slow  # a minute
def test_the_site_is_built_with_no_dead_link_and_nothing_from_elsewhere(tmp_path):
    """Every link and anchor of every page leads somewhere in it, and no script, style or picture comes from a server."""
    pytest.importorskip("mkdocs")
    words = ["build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "mkdocs", *words], cwd=ADD.parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path: path.read_text() for path in tmp_path.rglob("*.html") if path.name != "404.html"}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) | {""} for path, text in pages.items()}
    assert len(pages) > 20 and "guidance.control.StepControl" in anchors[tmp_path / "reference" / "guidance.html"]
    for path, text in pages.items():
        for tag, target in re.findall(r'<(\w+)[^>]*?\s(?:href|src)="([^"]*)"', text):
            if target.startswith("data:"):
                continue
            if re.match("https?:|mailto:|//", target):
                assert tag == "a", f"{path.name}: {target}"
                continue
            place, _, anchor = unquote(target).partition("#")
            found = (path.parent / place).resolve() if place else path
            assert found.is_file(), f"{path.relative_to(tmp_path)}: {target}"
            assert found.suffix != ".html" or anchor in anchors[found], f"{path.relative_to(tmp_path)}: {target}"
