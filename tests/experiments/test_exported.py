"""Trainings as files: kept on the way, exported, and played where the data are not; features of real images kept beside them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import sparing
import torch
from folders import folder
from safetensors.torch import load_file, save_file
from tiny import make_here, results_of, tiny_study

from analysis.measures.some_rows import some_rows
from experiments.checkpoints.exported import export, load, read_header, training_of
from experiments.graph.files import sha256
from experiments.graph.store import FOUND, Store
from experiments.graph.value import encode
from experiments.networks import DiT, UNet
from experiments.objectives.denoising import Denoising
from experiments.problems import Problem
from experiments.studies.sweep import Sweep
from experiments.tasks import real_features
from experiments.tasks.begin import weights_of
from experiments.tasks.fit import Fit
from experiments.tasks.judge import Judge
from experiments.tasks.measure import Measure
from experiments.tasks.real_features import RealFeatures, StoredFeatures, reference_of
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.sources import Checkpoint
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.fashion import Fashion
from experiments.worlds.images import Images
from experiments.worlds.world import data
from guidance.samplers.ddim import DDIM

SWEEP = Sweep(sampler=DDIM(), steps=3, ws=(0.0, 1.0))
pytestmark = [pytest.mark.usefixtures("undrawn"), pytest.mark.slow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A study with a snapshot and real features, its runs, and its networks exported."""
    study = tiny_study("digits", {"model.fit.snapshots": [10, 20]})
    study = replace(study, sweeps=(SWEEP, replace(SWEEP, snapshot=10, methods=("classifier-free",))))
    study = replace(study, real=RealFeatures(evaluator=study.evaluator, neighbours=300, test=40))
    judges = (replace(one, real=RealFeatures(evaluator=one.classifier, neighbours=300, test=40)) for one in study.judges)
    study = replace(study, judges=tuple(judges))
    base = tmp_path_factory.mktemp("trained")
    with sparing.undrawn(), sparing.few_tested():
        make_here(study, base / "runs")
    store = Store(base / "runs")
    for role in ("model", "classifier"):
        export(study.network(role, 0), store, base / f"{role}.safetensors", "float16")
    (judge,) = study.judges
    for name, source, real in (("evaluator", study.evaluator, study.real), ("judge", judge.classifier, judge.real)):
        export(source, store, base / f"{name}.safetensors")
        real_features.export(real, store, base / f"{'real' if name == 'evaluator' else 'judge_real'}.safetensors")
    return study, base


def table(study, runs):
    found = results_of(study, runs).table
    return found[found["train_seed"] >= -1].set_index(["method", "w", "n", "metric"])["value"]


def checkpoint(base, role):
    file = base / f"{role}.safetensors"
    return Checkpoint(world=Digits(), file=str(file), sha256=sha256(file), adapter="exported")


def test_a_sweep_of_a_snapshot_samples_the_model_as_it_was(trained):
    study, base = trained
    found = table(study, base / "runs")
    early, late = (found[f"classifier-free{name}"].loc[0.0].loc[40] for name in (" (after 10 steps)", ""))
    assert early["fid_digits"] != late["fid_digits"]
    store, model = Store(base / "runs"), study.network("model", 0)
    states = [Snapshot(training=model, step=step).load(store, "cpu").state_dict() for step in (10, 20)]
    states.append(model.load(store, "cpu").state_dict())
    assert not any(torch.equal(a["enter.weight"], b["enter.weight"]) for a, b in [states[:2], states[1:]])
    assert "classifier (after 10 steps)" not in found.index.get_level_values("method")
    (folder,) = (path for path in (base / "runs").glob("digits-*") if "10 steps" in (path / "report.html").read_text())
    page = (folder / "report.html").read_text()
    assert "As training goes on" in page and "Left out" not in page.split("As training goes on")[1].split("</section>")[0]
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert {"fid_by_training", "is_by_training", "beside_paper", "samples_by_class"} <= figures


def test_a_snapshot_that_is_not_kept_is_refused_before_any_work(trained):
    study, _ = trained
    with pytest.raises(ValueError, match="step: 15 is no snapshot of its training, which keeps 10, 20"):
        Snapshot(training=study.model, step=15)
    with pytest.raises(ValueError, match="no snapshot after 15 steps: set model.fit.snapshots"):
        replace(study, sweeps=(replace(SWEEP, snapshot=15),))
    with pytest.raises(ValueError, match="snapshots: step 30 is not before the last of 30"):
        replace(study.model.fit, snapshots=(30,))
    with pytest.raises(ValueError, match="with patience"):
        replace(study.model.fit, patience=2)


def test_kept_features_measure_as_the_images_do(trained, tmp_path):
    study, base = trained
    whole = replace(study, real=RealFeatures(evaluator=study.evaluator, neighbours=10_000, test=40), sweeps=(SWEEP,))
    make_here(whole, base / "runs")
    plain = replace(whole, real=None)
    make_here(plain, base / "runs")
    kept, worked_out = table(whole, base / "runs"), table(plain, base / "runs")
    names = [name for name in kept.index if name[0] != "real" and "seconds" not in name[3] and "memory" not in name[3]]
    assert len(names) > 40
    for name in names:
        assert kept.loc[name] == pytest.approx(worked_out.loc[name], rel=1e-6, abs=1e-7), name
    few = table(study, base / "runs")
    name = ("classifier-free", 1.0, 40)
    assert few.loc[(*name, "fid_digits")] == kept.loc[(*name, "fid_digits")], "300 rows are for what needs rows alone"
    rows, label = study.real.arrays(Store(base / "runs")), data(Digits()).train.label.numpy()
    assert rows["neighbours_label"].tolist() == label[some_rows(len(label), 300)].tolist()
    assert reference_of(rows).label.tolist() == rows["neighbours_label"].tolist()


def test_a_file_plays_what_its_training_plays(trained):
    study, base = trained
    store, z = Store(base / "runs"), torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    logsnr, label = torch.linspace(-5, 5, 20), torch.arange(20) % 10
    own = study.network("model", 0).play("model", {}, store, "cpu")["model"]
    theirs = load(base / "model.safetensors", "cpu", Digits())
    assert (own(z, logsnr, label).eps - theirs(z, logsnr, label).eps).abs().max() < 0.01
    assert theirs.logsnr_range == own.logsnr_range and next(theirs.network.parameters()).dtype == torch.float32
    assert encode(training_of(base / "model.safetensors"), expand=True) == encode(study.network("model", 0), expand=True)
    exact = load(base / "evaluator.safetensors", "cpu", Digits())
    assert torch.equal(exact(z), study.evaluator.load(store, "cpu")(z))
    header = read_header(base / "model.safetensors")
    assert header["weights_sha256"] == sha256(store.path(study.network("model", 0)) / "model.safetensors")
    assert str(base) not in str(header), "no place of this machine is told"


def test_a_study_of_files_needs_no_images_and_no_training(trained, tmp_path, monkeypatch):
    study, base = trained

    def kept(name: str) -> StoredFeatures:
        return StoredFeatures(world=Digits(), file=str(base / f"{name}.safetensors"), sha256=sha256(base / f"{name}.safetensors"))

    roles = {role: checkpoint(base, role) for role in ("model", "classifier", "evaluator")}
    judges = (Judge(called="convnext", classifier=checkpoint(base, "judge"), real=kept("judge_real")),)
    files, trained_too = replace(study, **roles, real=kept("real"), judges=judges, sweeps=(SWEEP,)), table(study, base / "runs")
    monkeypatch.setattr(Digits, "load", lambda self: pytest.fail("the images were asked for"))
    monkeypatch.setattr("experiments.tasks.measure.data", lambda world: pytest.fail("the images were asked for"))
    monkeypatch.setattr("experiments.studies.facts.data", lambda world: pytest.fail("the images were asked for"))
    folder = make_here(files, tmp_path)
    assert not list(tmp_path.glob("denoiser-*")) and "1,297" in (folder / "report.html").read_text()
    found = table(files, tmp_path)
    by_judge = ("fid_digits-convnext", "accuracy_by_digits-convnext", "calibration_error_by_digits-convnext")
    for metric in ("fid_digits", "precision_digits", "accuracy_evaluator", *by_judge):
        name = ("classifier-free", 1.0, 40, metric)
        assert found.loc[name] == pytest.approx(trained_too.loc[name], rel=0.05, abs=0.05)
    real = [found.xs(("real", 20), level=("method", "n")).droplevel("w"), trained_too.xs(("real", 20), level=("method", "n"))]
    assert real[0]["fid_digits"] == pytest.approx(real[1].droplevel("w")["fid_digits"], rel=1e-2)
    assert "diversity_pixels" not in real[0].index


def test_a_file_that_was_moved_makes_no_run_stale(trained, tmp_path):
    study, base = trained
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copytree(base, tmp_path / "elsewhere" / "files", ignore=shutil.ignore_patterns("runs"))
    here, there = (
        replace(
            study,
            **{role: checkpoint(place, role) for role in ("model", "classifier", "evaluator")},
            real=StoredFeatures(world=Digits(), file=str(place / "real.safetensors"), sha256=sha256(place / "real.safetensors")),
            sweeps=(replace(SWEEP, ws=(1.0,)),),
        )
        for place in (base, moved)
    )
    make_here(here, tmp_path / "runs")
    store = Store(tmp_path / "runs")
    assert {store.state(placed.task) for placed in there.cells()} == {(FOUND,)}


def test_what_is_no_export_is_refused_in_one_line(trained, tmp_path):
    study, base = trained
    with pytest.raises(Problem, match="is for 1 x 8 x 8 of 10 classes, but fashion has 1 x 28 x 28"):
        load(base / "model.safetensors", "cpu", Fashion())
    save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(Problem, match="has no training in its header: it was not written by `guidance-bench export`"):
        load(tmp_path / "plain.safetensors", "cpu", Digits())
    state = load_file(base / "model.safetensors")
    state.pop("enter.bias")
    save_file(state, tmp_path / "cut.safetensors", read_header(base / "model.safetensors"))
    with pytest.raises(Problem, match=r"does not fit the denoiser of its header.*1 missing \(enter.bias\)"):
        load(tmp_path / "cut.safetensors", "cpu", Digits())
    with pytest.raises(ValueError, match="real: an evaluator that is a checkpoint needs"):
        replace(study, evaluator=checkpoint(base, "evaluator"), real=None)
    with pytest.raises(ValueError, match="real: an evaluator that is a checkpoint needs"):
        Measure(samples=study.real, evaluator=checkpoint(base, "evaluator"), sizes=(20,))
    with pytest.raises(ValueError, match="real: its features are of another evaluator"):
        replace(study, real=RealFeatures(evaluator=replace(study.evaluator, seed=901)))


def test_weights_beyond_half_precision_are_not_exported_as_such(trained, tmp_path, monkeypatch):
    study, base = trained
    store, model = Store(base / "runs"), study.network("model", 0)
    weights = load_file(store.path(model) / "model.safetensors")
    weights["enter.bias"] += 1e6
    monkeypatch.setattr("experiments.checkpoints.exported.read", lambda path: weights)
    with pytest.raises(Problem, match=r"enter.bias goes beyond float16: export it as float32"):
        export(model, store, tmp_path / "m.safetensors", "float16")
    assert not list(tmp_path.iterdir())


def test_features_are_of_their_evaluator_or_refused(trained, tmp_path):
    _, base = trained
    stored = StoredFeatures(world=Digits(), file=str(base / "real.safetensors"), sha256="0" * 64)
    with pytest.raises(Problem, match="it is another file"):
        stored.arrays(Store(tmp_path))
    other = base / "model.safetensors"
    with pytest.raises(Problem, match="has no cov: it holds no features of real images"):
        StoredFeatures(world=Digits(), file=str(other), sha256=sha256(other)).arrays(Store(tmp_path))
    arrays = StoredFeatures(world=Digits(), file=str(base / "real.safetensors"), sha256=sha256(base / "real.safetensors"))
    assert all(array.dtype in (np.float64, np.int64) for array in arrays.arrays(Store(tmp_path)).values())


def test_a_training_on_images_of_ones_own_is_played_where_they_are_not(tmp_path, monkeypatch):
    """A DiT too, whose table of positions is in no file; and neither header tells a place."""
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    store, place = Store(tmp_path / "runs"), folder(tmp_path / "zoo")
    world = Images(path=str(place), size=8, preprocessing="edm", held_out=2)
    training, few = None, {"world": world, "objective": Denoising(), "fit": Fit(steps=1, batch=2)}
    for network in (DiT(patch=2, width=16, depth=1), UNet(width=8), UNet(width=8)):
        begin = weights_of(str(store.path(training))) if training and training.network == network else None
        training = Train(**few, network=network, begin=begin)
        store.make(training, "cpu")
        file = tmp_path / f"{training.address}.safetensors"
        export(training, store, file)
        assert str(tmp_path) not in str(read_header(file))
        theirs, own = load(file, "cpu", world), training.play("model", {}, store, "cpu")["model"]
        z, logsnr, label = torch.randn(3, 3, 8, 8), torch.zeros(3), torch.arange(3)
        assert torch.equal(theirs(z, logsnr, label).eps, own(z, logsnr, label).eps)
        assert training_of(file).address == training.address
    assert training.begin is not None
