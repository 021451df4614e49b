"""The loss of a denoiser on test images, beside closed forms and a recomputation."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from students_made import LISTED
from tiny import make_here, results_of, tiny_study

from experiments.graph.store import Store
from experiments.pricing.measuring import price_denoising_loss
from experiments.studies.beside import losses as study_losses
from experiments.studies.digits import EVALUATOR
from experiments.studies.sweep import Curve, Sweep
from experiments.tasks.denoising_loss import DenoisingLoss
from experiments.tasks.students import halved
from experiments.tasks.tables import read_rows
from experiments.worlds.world import data
from guidance import METHODS
from guidance.diffusion import alpha_sigma, from_eps
from guidance.grids import Nested
from guidance.samplers.ddim import DDIM


def losses(task, folder, model, monkeypatch):
    monkeypatch.setattr(type(task.denoiser), "play", lambda *_, **__: {"model": model})
    folder.mkdir(exist_ok=True)
    task.run(folder, Store(folder), "cpu")
    return pd.DataFrame(read_rows(folder / "losses.csv"))


class Told:
    """Says what it is given, as eps: a share of z with the label, none of it without."""

    def branches(self, z, logsnr, labels):
        return [from_eps(z, z * (0.5 if label is not None else 0.0), logsnr) for label in labels]


def test_it_is_the_mean_square_of_what_is_left_of_eps(tmp_path, monkeypatch):
    study = tiny_study("digits-exact", {})
    task = DenoisingLoss(denoiser=study.model, n=400, levels=4)
    found = losses(task, tmp_path / "a", Told(), monkeypatch)
    assert list(found["branch"]) == ["conditional", "unconditional"] * 4
    levels = sorted(found["logsnr"].unique())
    density = study.model.objective.density
    assert levels == pytest.approx(sorted(density(torch.tensor([0.125, 0.375, 0.625, 0.875]).double()).tolist()))
    null = found.loc[found["branch"] == "unconditional", "value"]
    assert null.tolist() == pytest.approx([1.0] * 4, abs=0.02) and null.nunique() == 4, "the square of eps itself, drawn anew"
    size = data(study.world).test.x[:400].square().mean().item()
    for level, value in found.loc[found["branch"] == "conditional", ["logsnr", "value"]].to_numpy():
        alpha, sigma = alpha_sigma(torch.tensor([level]), torch.zeros(1, 1))
        assert value == pytest.approx((1 - 0.5 * sigma.item()) ** 2 + (0.5 * alpha.item()) ** 2 * size, abs=0.03)


def test_the_exact_model_has_the_least_loss_there_is(tmp_path, monkeypatch):
    study = tiny_study("digits-exact", {})
    task = DenoisingLoss(denoiser=study.model, n=200, levels=3)
    exact = losses(task, tmp_path / "a", data(study.world).oracle.float(), monkeypatch)
    told = losses(task, tmp_path / "b", Told(), monkeypatch)
    both = exact.merge(told, on=["branch", "logsnr"])
    assert (both["value_x"] < both["value_y"]).all()
    mean = exact.groupby("branch")["value"].mean()
    assert mean["conditional"] < mean["unconditional"], "a label is worth knowing"


@pytest.mark.slow
def test_a_network_that_dropped_no_label_is_asked_with_labels_alone_and_priced_so(tmp_path):
    both, store = tiny_study("digits", {"model.fit.steps": 1}).model, Store(tmp_path)
    alone = replace(both, objective=replace(both.objective, p_uncond=0.0))
    task = DenoisingLoss(denoiser=alone, n=20, levels=2)
    store.make(alone, "cpu")
    store.make(task, "cpu")
    assert [row["branch"] for row in task.rows(store)] == ["conditional"] * 2
    prices = [price_denoising_loss(replace(task, denoiser=one), LISTED, {}).flops for one in (alone, both)]
    assert prices[1] == 2 * prices[0] > 0


def test_a_classifier_and_a_student_of_few_steps_have_no_such_loss():
    with pytest.raises(ValueError, match="evaluator is no denoiser"):
        DenoisingLoss(denoiser=EVALUATOR)
    study = tiny_study("digits", {})
    teacher = replace(study.model, objective=replace(study.model.objective, target="v"))
    student = halved(teacher, teacher.fit, 16, 8)[8]
    with pytest.raises(ValueError, match="student of few steps answers at their levels alone"):
        DenoisingLoss(denoiser=student)
    shorter = Curve(method="classifier-free", model=student, called="8 steps", ws=(0.0,))
    its_own = Sweep(sampler=DDIM(), steps=8, ws=(0.0,), grid=Nested())
    study = replace(study, denoising_loss=20, methods=(shorter,), sweeps=(its_own,))
    assert "plain" in (networks := [one.place["network"] for one in study_losses(study, 0)]) and shorter.label not in networks


@pytest.mark.slow
def test_a_training_tells_its_loss_on_as_many_test_images_as_it_says(tmp_path):
    few = replace(tiny_study("digits", {}).model, n_test=7)
    store = Store(tmp_path)
    store.make(few, "cpu")
    recorded = {(row["metric"], row["logsnr"]): row["value"] for row in few.rows(store)}
    seen = replace(data(few.world), test=data(few.world).test.subset(slice(7)))
    with torch.no_grad():
        expected = few.objective.test_metrics(few.load(store, "cpu"), seen, few.world, "cpu")
    assert len(recorded) == 18 and recorded == {
        (metric, float(level)): value for metric, levels in expected.items() for level, value in levels.items()
    }


@pytest.mark.slow  # a study; the training above has the same numbers
def test_a_study_has_a_table_of_every_model(tmp_path):
    base = tiny_study("digits-exact", {"sweeps": [{"sampler": "ddim", "steps": 3, "ws": [0, 1]}], "denoising_loss": 30})
    study = replace(base, oracle=None, classifier=None, methods=(METHODS["classifier-free"](),))
    make_here(study, tmp_path)
    table = results_of(study, tmp_path).tables["denoising_loss"]
    assert set(table["network"]) == {"plain"} and len(table) == 32 and (table["value"] > 0).all()
    assert set(table["branch"]) == {"conditional", "unconditional"}
