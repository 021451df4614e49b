"""The study of Fashion-MNIST by what ships with the package: no training, no images, no network."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small import here
from tiny import make_here, results_of

from analysis.figures.training import by_training, whole
from experiments.checkpoints.exported import read_header, training_of
from experiments.graph.files import sha256
from experiments.graph.value import encode
from experiments.problems import Problem
from experiments.registry import STUDIES as REGISTRY
from experiments.shipped import FOLDER, located, shipped
from experiments.studies.chosen import chosen
from experiments.studies.fashion import FULL, LAMBDAS, STUDIES
from experiments.studies.sweep import Sweep
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.fashion import Fashion
from guidance.samplers.ddim import DDIM
from guidance.samplers.dpm_solver import DPMSolver

NETWORKS = ("model", "weak", "classifier", "evaluator", "judge")
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def no_images(monkeypatch):
    monkeypatch.setattr(Fashion, "load", lambda self: pytest.fail("the images were asked for"))


def test_what_ships_is_what_its_hashes_and_headers_say():
    files = shipped("fashion")
    assert set(files) == {*NETWORKS, "real", "judge_real"}
    assert {path.name for path in (FOLDER / "fashion").iterdir()} == {*(f"{name}.safetensors" for name in files), "hashes.json"}
    for file, digest in files.values():
        assert sha256(located(file)) == digest
    for role in NETWORKS:
        own = {"evaluator": FULL.evaluator, "judge": FULL.judges[0].classifier}
        wanted = own.get(role) or FULL.network(role, 0)
        assert encode(training_of(located(files[role][0])), expand=True) == encode(wanted, expand=True)
        made = json.loads(read_header(located(files[role][0]))["provenance"])
        assert not made["revision"].endswith("+"), "made by a clean commit"
    assert sum(located(files[role][0]).stat().st_size for role in NETWORKS) < 5e6
    assert sum(parameter.numel() for parameter in FULL.model.module().parameters()) < 2e6


@pytest.mark.slow
def test_the_quick_form_trains_nothing_and_needs_no_images(tmp_path, no_images):
    study = STUDIES["quick"]
    assert not [placed.task for placed in study.cells() if isinstance(placed.task, Train)]
    assert {curve.label for curve in study.methods} >= {
        "classifier",
        "classifier-free",
        "limited-interval",
        "autoguidance",
        "apg",
    }
    few = (
        Sweep(sampler=DPMSolver(), steps=4, ws=(0.0, 1.0), methods=("classifier-free", "classifier", "autoguidance")),
        Sweep(sampler=DDIM(), steps=3, ws=(1.0,), methods=("cfg++",)),
    )
    tiny = replace(study, n=40, part=40, sweeps=few)
    folder = make_here(tiny, tmp_path)
    page = (folder / "report.html").read_text()
    assert "60,000" in page and "Zalando" in page
    table = results_of(tiny, tmp_path).table
    real = table[(table["method"] == "real") & (table["metric"] == "accuracy_evaluator")]["value"].item()
    assert 0.85 < real < 0.99 and not table["value"].isna().any()
    judge = table[table["metric"].str.endswith("fashion-convnext")]
    measured = {"fid", "is", "precision", "recall", "diversity", "mind", "accuracy_by", "calibration_error_by"}
    assert {f"{name}_fashion-convnext" for name in measured} <= set(judge.loc[judge["method"] == "real", "metric"])
    assert set(judge["method"]) == set(table["method"])
    assert 0.8 < judge[(judge["method"] == "real") & judge["metric"].str.startswith("accuracy_by")]["value"].item() < 0.99


def test_samples_come_out_of_the_box(tmp_path, capsys, no_images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["sample", "--world", "fashion", "--n", "20", "--steps", "4", "--device", "cpu"]
    for method in ("cfg", "classifier", "autoguidance"):
        done = here([*words, "--method", method, "--out", f"{method}.npz"], capsys)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / f"{method}.npz", allow_pickle=False) as made:
            images = next(array for array in made.values() if array.ndim == 4)
            assert images.shape[0] == 20 and images.std() > 20
    done = here([*words, "--method", "universal", "--out", "x.npz"], capsys)
    assert done.returncode == 2 and "needs the role" in done.stderr and "give --role " in done.stderr


@pytest.mark.slow
def test_a_training_is_exported_by_its_folder(tmp_path, tiny, capsys):
    run = next(tiny("digits").parent.glob("denoiser-*"))
    out = tmp_path / "mine.safetensors"
    done = here(["export", str(run), str(out), "--half"], capsys)
    assert done.returncode == 0 and sha256(out) in done.stdout
    again = here(["export", str(run), str(out)], capsys)
    assert again.returncode == 2 and "--force" in again.stderr
    grid = tmp_path / "grid.png"
    line = ["sample", "--checkpoint", str(out), "--adapter", "exported", "--world", "digits", "--n", "4", "--steps", "2"]
    done = here([*line, "--out", str(grid)], capsys)
    assert done.returncode == 0 and grid.stat().st_size > 100, done.stderr
    assert b"exported" in grid.read_bytes() and str(tmp_path).encode() not in grid.read_bytes(), "a picture one may send"
    guide = next(tiny("digits").parent.glob("classifier-*"))
    assert here(["export", str(guide), str(tmp_path / "guide.safetensors")], capsys).returncode == 0
    for place in (guide, tmp_path / "guide.safetensors", f"{tmp_path / 'guide.safetensors'}:exported"):
        role = ["--method", "classifier", "--role", f"classifier={place}", "--force", "--out", str(tmp_path / "guided.npz")]
        done = here([*line, *role], capsys)
        assert done.returncode == 0 and (tmp_path / "guided.npz").exists(), done.stderr
    done = here(
        [*line, "--role", f"classifier={tmp_path / 'guide.safetensors'}:nobody", "--out", str(tmp_path / "c.npz")], capsys
    )
    assert done.returncode == 2 and "no checkpoint 'nobody'" in done.stderr and not (tmp_path / "c.npz").exists()
    wrong = here(["export", str(tiny("digits")), str(tmp_path / "b.safetensors")], capsys)
    assert wrong.returncode == 2 and "something else than a training" in wrong.stderr


def test_both_forms_are_of_one_noise_and_one_range():
    assert STUDIES["quick"].density == FULL.density == LAMBDAS
    assert FULL.network("model", 2).seed == 2 and FULL.network("weak", 1).objective.density == LAMBDAS


def test_stages_of_the_training_are_told_apart_under_every_protocol():
    for settings in ([], ["protocol=adm"]):
        methods = dict.fromkeys(p.place["method"] for p in chosen("fashion", True, settings).cells() if "method" in p.place)
        (stages,) = by_training(list(methods)).values()
        assert len(stages) == 4 and sum(not whole(method) for method in methods) == 3
        assert ("random labels" in stages[-1]) == bool(settings)


@pytest.mark.parametrize(
    ("form", "change", "said"),
    [
        ("quick", {"model": Digits()}, "model: it is of the world digits, and the study of fashion"),
        ("quick", {"real": Digits()}, "real: it is of the world digits, and the study of fashion"),
        ("full", {"model": Fashion(folder="elsewhere")}, "model: its images lie elsewhere than the study's: set model.world"),
    ],
)
def test_a_part_of_another_world_is_refused(form, change, said):
    (role, world), study = next(iter(change.items())), STUDIES[form]
    with pytest.raises(ValueError, match=said):
        replace(study, **{role: replace(getattr(study, role), world=world)})


def test_files_of_a_world_need_not_lie_where_its_images_do():
    assert chosen("fashion", False, ["world.folder=elsewhere"]).world.folder == "elsewhere"


def test_a_reference_that_the_protocol_does_not_fit_is_one_line():
    with pytest.raises(Problem, match="references: the balls of 'effnet-lite0-96' are of k = 3, and the protocol's of k = 5"):
        chosen("fashion", True, ['protocol={"k": 5}'])
    other = replace(FULL.references["effnet-lite0-96"].features, network=replace(FULL.features[0], size=64))
    with pytest.raises(ValueError, match="references: that of 'effnet-lite0-96' has features of effnet-lite0-64"):
        replace(FULL, references={"effnet-lite0-96": replace(FULL.references["effnet-lite0-96"], features=other)})


def test_the_help_of_the_command_names_every_study(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = here(["study", "--help"], capsys).stdout
    assert not [name for name in REGISTRY.own if name not in told]
