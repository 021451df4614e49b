"""`guidance-bench paper`: from its options to a folder, and the studies behind it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tiny import sets
from typer.testing import CliRunner

from analysis.table import read_table
from experiments.__main__ import app
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies import load_trained
from experiments.studies.decode import read_study
from experiments.studies.paper_adm import ADMPaper
from experiments.studies.paper_chosen import chosen_paper
from experiments.studies.running import make

NETWORKS = {
    "base.model.network.width": 8,
    "base.model.fit.steps": 25,
    "base.evaluator.fit.steps": 6,
    "base.judges.0.classifier.fit.steps": 6,
    "base.model.fit.batch": 16,
    "base.n": 60,
    "base.part": 20,
}
SMALL = {
    "cfg": {
        **NETWORKS,
        "p_unconds": [0.1, 0.5],
        "base.sweeps": [{"sampler": "ancestral", "steps": steps, "ws": [0, 1]} for steps in (3, 2)],
        "plane.n": 60,
        "plane.part": 60,
        "plane.sweeps": [{"sampler": "ancestral", "steps": 16, "ws": [0, 1]}],
    },
    "adm": {
        **NETWORKS,
        "base.classifier.fit.steps": 6,
        "base.sweeps": [{"sampler": "ancestral", "steps": 3, "ws": [0, 1, 10]}],
    },
}


def command(paper: str, *more: str) -> list[str]:
    return ["paper", paper, "--device", "cpu", "--workers", "1", *more, *(w for s in sets(SMALL[paper]) for w in ("--set", s))]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Both papers in one folder of runs, and their pages beside it; the networks of the first are found by the second."""
    root = tmp_path_factory.mktemp("papers")
    for paper in ("cfg", "adm"):
        words = command(paper, "--runs", str(root / "runs"), "--out", str(root / paper))
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert f"page    {root / paper / 'report.html'}" in done.output
    return root


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_the_folder_holds_figures_page_and_every_number(made):
    cfg, adm = contents(made / "cfg"), contents(made / "adm")
    figures = {"figure_1", "figure_2", "figure_3", "figure_4", "figure_4_one_plane", "figure_5", "figure_5_one_plane"}
    assert {f"figures/{name}.png" for name in figures} <= set(cfg), sorted(cfg)
    assert {"table.csv", "summary.csv", "table_1.csv", "table_2.csv", "figure_4.csv", "figure_5.csv"} <= set(cfg)
    assert {"figures/figure_3.png", "figures/figure_4.png", "table_4.csv", "figure_4.csv"} <= set(adm)
    pages = [made["report.html"].decode() for made in (cfg, adm)]
    assert all("Shape only, no number can be equal" in page and 'src="http' not in page for page in pages)
    left_out = [re.findall(r"Left out: (.*?)</p>", page) for page in pages]
    assert [len(one) for one in left_out] == [1, 0] and "one run: no difference can be tested" in left_out[0][0]


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_two_trainings_of_two_p_unconds_are_in_one_table_and_the_base_at_every_t(made):
    table = read_table(made / "cfg" / "table.csv")
    own = table[(table["world"] == "digits") & (table["metric"] == "fid_digits") & (table["steps"] > 0)]
    kinds = {(row.method, row.steps) for row in own.itertuples()}
    names = [f"classifier-free (p_uncond = {p})" for p in ("0.1", "0.5")]
    assert kinds == {(names[0], 3), (names[0], 2), (names[1], 3)}
    real = table[(table["method"] == "real") & (table["world"] == "digits") & (table["metric"] == "fid_digits")]
    assert len(real) == 1
    (folder,) = (made / "runs").glob("paper-cfg-digits-*")
    cells = read_study(folder).results(Store(made / "runs")).cells
    sampled = {(cell.method, cell.steps, cell.w): cell.sha256 for cell in cells if cell.world == "digits"}
    assert len(sampled) == len(set(sampled.values())) == 6, "two trainings, each at its own w and T"


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_scales_of_the_unconditional_base_stand_at_w_plus_1(made):
    table = read_table(made / "adm" / "table.csv")
    sampled = table[table["steps"] > 0]
    ws = sampled.groupby("method")["w"].unique().map(lambda found: sorted(map(float, found)))
    assert ws.to_dict() == {"classifier-mean": [0, 1, 10], "classifier-mean (unconditional base)": [-1, 0, 9]}
    fid = sampled[(sampled["metric"] == "fid_digits") & (sampled["n"] == 60)].set_index(["method", "w"])["value"]
    assert fid["classifier-mean", 0] != fid["classifier-mean (unconditional base)", -1]
    table_4 = pd.read_csv(made / "adm" / "table_4.csv")
    assert table_4["FID ↓ study"].notna().all() and len(table_4) == 6


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_again_nothing_is_run_and_every_byte_is_the_same(made, tmp_path):
    runs = {path.name for path in (made / "runs").iterdir()}
    words = command("cfg", "--runs", str(made / "runs"), "--out", str(tmp_path / "again"))
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert {path.name for path in (made / "runs").iterdir()} == runs
    assert contents(tmp_path / "again") == contents(made / "cfg")
    (folder,) = (made / "runs").glob("paper-cfg-digits-*")
    inside = contents(folder)
    study = read_study(folder)
    from analysis.reports import REPORTS
    from experiments.studies.command import command_of

    results = replace(study.results(Store(made / "runs"), "cpu"), command=command_of(study))
    REPORTS[study.report](results).write(tmp_path / "drawn")
    drawn = contents(tmp_path / "drawn")
    assert drawn and all(inside[name] == held for name, held in drawn.items()), "drawn again from the same runs"


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_the_networks_of_one_paper_are_those_of_the_other_and_can_be_loaded(made):
    kinds = [path.name.split("-")[0] for path in (made / "runs").iterdir()]
    assert kinds.count("denoiser") == 2 and kinds.count("evaluator") == 2, "adm shares that of p_uncond = 0.1"
    (folder,) = (made / "runs").glob("paper-adm-digits-*")
    assert load_trained(folder).shape == (1, 8, 8)


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_an_older_page_s_figures_go_and_other_files_are_left_alone(made, tmp_path):
    out = tmp_path / "page"
    words = command("adm", "--runs", str(made / "runs"), "--out", str(out))
    CliRunner().invoke(app, words, catch_exceptions=False)
    (out / "figures" / "figure_9.png").write_bytes(b"old")
    (out / "notes.txt").write_text("mine")
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert not (out / "figures" / "figure_9.png").exists() and (out / "notes.txt").read_text() == "mine"


REFUSED = {
    "there is no paper 'vae': choose one of cfg, adm": ["vae"],
    "'nowhere' has no study": ["cfg", "--world", "nowhere"],
    "is no study of one world": ["cfg", "--world", "methods"],
    "paper-adm-digits is a study of the paper adm, not cfg": ["cfg", "--world", "paper-adm-digits"],
    "paper-cfg-fashion is a study of the paper cfg, not adm": ["adm", "--world", "paper-cfg-fashion"],
    "judged by its exact density": ["adm", "--world", "digits-exact"],
    "go together": ["cfg", "--checkpoint", "x.pt"],
    "there is no nothing.pt": ["cfg", "--checkpoint", "nothing.pt", "--adapter", "edm"],
    "that of the base, 0.1, is not among them": ["cfg", "--set", "p_unconds=[0.2]"],
    "one stands there twice": ["cfg", "--set", "p_unconds=[0.1,0.1]"],
    "base.methods: one that a classifier guides": ["adm", "--set", 'base.methods=["apg"]'],
    "remake and --accept answer the same question": ["cfg", "--remake", "--accept"],
    "base.methods: the paper has one, classifier-free": ["cfg", "--set", 'base.methods=["apg"]'],
    "scales are not negative": ["adm", "--set", "base.sweeps.0.ws=[-1,0]"],
    "no option|unknown configuration key": ["cfg", "--set", "base.foo=1"],
    "is no folder": ["cfg", "--out", "file"],
    "holds other files": ["cfg", "--out", "."],
    "cifar10-jpeg-dit has no full form": ["cfg", "--world", "cifar10-jpeg-dit", "--full"],
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_line_before_any_work(why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    result = CliRunner().invoke(app, ["paper", *REFUSED[why]])
    assert isinstance(result.exception, Problem) and "\n" not in str(result.exception), result.exception
    with pytest.raises(Problem, match=why):
        raise result.exception
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_show_config_prints_every_value_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["paper", "cfg", "--show-config"], catch_exceptions=False).output
    assert json.loads(shown)["p_unconds"] == [0.1, 0.2, 0.5] and not list(tmp_path.iterdir())


@pytest.mark.slow  # its fixture is 20 seconds; the pages are in tests/analysis/test_paper_pages.py
def test_a_cell_that_fails_is_named_and_the_rest_is_drawn(made, tmp_path, monkeypatch):
    import shutil

    from experiments.tasks.sample import Sample

    runs = tmp_path / "runs"
    runs.mkdir()
    for kind in ("denoiser", "classifier", "evaluator"):
        for path in (made / "runs").glob(f"{kind}-*"):
            shutil.copytree(path, runs / path.name)
    drawn = Sample.run

    def run(self, folder, store, device):
        if self.method.w == 10:
            raise ValueError("too strong")
        drawn(self, folder, store, device)

    monkeypatch.setattr(Sample, "run", run)
    study = chosen_paper("adm", "digits", False, sets(SMALL["adm"]))
    assert isinstance(study, ADMPaper)
    done = make(study, Store(runs), 1, "cpu", tell=lambda line: None)
    assert done.outcome.failed
    page = (done.folder / "report.html").read_text()
    assert "Failed cells" in page and "the study has no scale 10" in page and "Table 4 of the paper" in page


@pytest.mark.slow
def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "paper.md").read_text()
    names: dict = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert (names["results"].folder / "table_4.csv").is_file() and len(names["cells"]) == 40


@pytest.mark.parametrize("word", ["ask", "remake", "accept"])
def test_runs_that_other_code_made_are_asked_about_as_in_any_study(monkeypatch, tmp_path, word):
    heard = []

    def make(study, store, workers, device, stale, retry, *_):
        heard.append((stale, retry))
        raise Problem("heard")

    monkeypatch.setattr("experiments.studies.running.make", make)
    words = ["paper", "cfg", "--runs", str(tmp_path), *([f"--{word}", "--retry"] if word != "ask" else [])]
    CliRunner().invoke(app, words)
    assert heard == [(word, word != "ask")]
