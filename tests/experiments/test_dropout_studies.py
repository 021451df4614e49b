"""Conditioning dropout and weak models in studies: addresses that stay, parents, what is refused, and runs from end to end."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from tiny import tiny_study

from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.objectives.denoising import Denoising
from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.model_guidance import ModelGuidance
from experiments.objectives.paired_denoising import PairedDenoising
from experiments.registry import lookup
from experiments.settings import override
from experiments.studies.decode import read_study
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.dropout import P_UNCONDS, fine_tuned, forms, p_unconds
from experiments.studies.paper_cfg import paper_of
from experiments.studies.running import make
from experiments.studies.several import Several
from experiments.studies.sweep import Sweep
from experiments.studies.weak_models import weak_models
from experiments.tasks.begin import weights_of
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.train import Train
from experiments.tasks.weaker import PostHoc, Smaller
from experiments.worlds.paired import Paired
from guidance.samplers.ddim import DDIM

FAST = (Sweep(sampler=DDIM(), steps=3, ws=(0.0, 1.0)),)


def small(steps: int = 8, fit: dict[str, object] | None = None, **changes):
    """The tiny digits without a judge, on two sampler steps."""
    settings = {"model.fit.steps": steps, "model.fit.checkpoint_every": 4}
    settings |= {f"model.fit.{name}": given for name, given in (fit or {}).items()}
    base = replace(tiny_study("digits", settings), judges=())
    return replace(base, classifier=None, methods=("classifier-free",), sweeps=FAST, **changes)


def made(study, runs):
    done = make(study, Store(runs), 1, "cpu", tell=lambda line: None)
    assert not done.outcome.failed and not done.outcome.unmade
    return done.folder


def fast(study: Several) -> Several:
    shorter = {name: replace(other, sweeps=FAST) for name, other in study.others.items()}
    return replace(study, base=replace(study.base, sweeps=FAST), others=shorter)


def networks_of(study) -> dict[str, Train]:
    """The trainings of the table of networks by the names that they have there."""
    return {placed.place["network"]: placed.task for placed in study.cells() if placed.table == "networks"}


def assert_each_network_once(study, store):
    rows = study.results(store).tables["networks"]
    assert set(rows["network"]) == set(networks_of(study))
    assert not rows.duplicated(["train_seed", "network", "metric", "logsnr"]).any()


def test_a_network_has_the_words_of_its_part_only_where_it_is_the_part_s_own():
    study = weak_models(small(steps=16), "tiny-weak", 16)
    width = "a third of the width"
    found = networks_of(study)
    assert set(found) == {"denoiser", f"weak ({width})", "evaluator"}, "the model has one name, and states of it have no rows"
    assert found["denoiser"] == study.base.model and found[f"weak ({width})"] == study.others[width].network("weak", 0)
    twice = replace(study, others={**study.others, "the same": replace(study.others[width])})
    assert set(networks_of(twice)) == set(found), "what two parts share stands there once"
    study = forms(small(), "tiny-dropout")
    found = networks_of(study)
    assert found["unconditional (two trainings)"] == study.others["two trainings"].unconditional
    models = {"": study.base, " (two trainings)": study.others["two trainings"], " (fine-tuned)": study.others["fine-tuned"]}
    assert {words: found[f"denoiser{words}"] for words in models} == {words: part.model for words, part in models.items()}
    assert len(found) == 5, "and the evaluator, which is that of all"
    paper = networks_of(p_unconds(paper_of(small()), "tiny-p-uncond"))
    assert set(paper) == {*(f"denoiser (p_uncond = {share:g})" for share in P_UNCONDS), "evaluator"}


def test_a_loss_on_test_images_is_told_of_each_model_by_its_own_name():
    study = forms(small(denoising_loss=20), "tiny-dropout")
    found = {placed.place["network"]: placed.task.denoiser for placed in study.cells() if placed.table == "denoising_loss"}
    assert found == {
        "plain": study.base.model,
        **{f"plain ({words})": other.model for words, other in study.others.items()},
    }


def test_addresses_of_trainings_that_say_nothing_new_are_what_they_were():
    """Frozen before p_uncond = 0, fit.averages and parents to begin with were there."""
    assert DIGITS.model.address == "denoiser-b72d462f0e14"
    assert lookup("studies", "fashion")["full"].model.address == "denoiser-2a6f6e577ecf"
    assert Snapshot(training=lookup("studies", "fashion")["full"].model, step=250).files == {"after-0000250.safetensors": 1.0}


@pytest.mark.slow
def test_forms_of_dropout_run_from_end_to_end(tmp_path):
    study = fast(forms(small(), "tiny-dropout"))
    folder = made(study, tmp_path)
    table = study.results(Store(tmp_path)).table
    methods = set(table["method"]) - {"real"}
    assert methods == {"classifier-free", "two-networks (two trainings)", "classifier-free (fine-tuned)"}
    assert read_study(folder) == study
    assert_each_network_once(study, Store(tmp_path))
    price = table[(table["w"] == 1) & (table["metric"] == "nfe_weak_forward")].groupby("method")["value"].first()
    assert price["two-networks (two trainings)"] == 3 and price["classifier-free"] == 0, (
        "one call of a step is the second network's"
    )
    trained = {task.address: task for task in everything([placed.task for placed in study.cells()]) if isinstance(task, Train)}
    tuned, alone = study.others["fine-tuned"].model, study.others["two trainings"].model
    assert tuned.begin == alone and {tuned.address, alone.address} <= set(trained), "the conditional model is a parent, made once"


@pytest.mark.slow
def test_a_fine_tuning_begins_with_its_parent_s_weights_and_gains_the_null_label(tmp_path):
    study, store = small(), Store(tmp_path)
    tuned = fine_tuned(study.model, 1)
    tuned = replace(tuned, fit=replace(tuned.fit, lr=1e-12, weight_decay=0.0))
    store.make(tuned.begin, "cpu"), store.make(tuned, "cpu")
    parent, child = (one.load(store, "cpu").state_dict() for one in (tuned.begin, tuned))
    fresh = tuned.module().state_dict()
    assert all(torch.allclose(held, child[name], atol=1e-9) for name, held in parent.items())
    assert any(not torch.allclose(held, fresh[name], atol=1e-4) for name, held in parent.items()), "and not with random ones"
    z, level = torch.zeros(2, 1, 8, 8), torch.zeros(2)
    with pytest.raises(ValueError, match="trained with labels only"):
        tuned.begin.play("model", {}, store, "cpu")["model"](z, level, None)
    assert tuned.play("model", {}, store, "cpu")["model"](z, level, None).x.shape == z.shape
    assert {row["metric"] for row in tuned.begin.rows(store)} == {"eps_loss_conditional"}
    assert {row["metric"] for row in tuned.rows(store)} == {"eps_loss_conditional", "eps_loss_null"}
    assert tuned.of_seed(3, study.density).begin.seed == 3
    assert (
        tuned.address != replace(tuned, begin=None).address != replace(tuned, begin=tuned.begin.of_seed(1, study.density)).address
    )


def test_a_parent_of_another_kind_is_refused_in_one_line(tmp_path):
    model = small().model
    others = {
        "begin: it has network.width 16, not 8": replace(model, network=replace(model.network, width=16)),
        "begin: it has objective.target v, not eps": replace(model, objective=Denoising(target="v")),
        "begin: it has objective.groups 2, not 0": replace(model, objective=Denoising(groups=2)),
        "begin: it is a evaluator, not a denoiser": small().evaluator,
        "begin: it has world digits-exact, not digits": lookup("studies", "digits-exact")["quick"].model,
    }
    for words, parent in others.items():
        with pytest.raises(ValueError, match=words):
            replace(model, begin=parent)
    store, v = Store(tmp_path), replace(model, objective=Denoising(target="v"), fit=replace(model.fit, steps=1))
    store.make(v, "cpu")
    with pytest.raises(Exception, match="objective.target v, not eps"):
        store.make(replace(model, begin=weights_of(str(store.path(v)))), "cpu")


def test_a_parent_whose_outputs_or_labels_mean_something_else_is_refused(tmp_path):
    model, fit = small().model, replace(small().model.fit, steps=1)
    network = replace(model.network, strength=True)
    learns = [replace(model, network=network, objective=one) for one in (GuidanceFree(), ModelGuidance())]
    for learned in learns:
        with pytest.raises(ValueError, match="begin: it has objective.target v, not eps"):
            replace(learned, begin=replace(learned, objective=replace(learned.objective, target="v")))
        assert replace(learned, begin=replace(learned, seed=1)).begin.seed == 1
    pairs, labels = (replace(model, world=Paired(), objective=one, fit=fit) for one in (PairedDenoising(), Denoising()))
    with pytest.raises(ValueError, match="begin: it has objective denoising, not paired-denoising"):
        replace(pairs, begin=labels)
    store, v = Store(tmp_path), replace(learns[0], objective=GuidanceFree(target="v"), fit=fit)
    store.make(v, "cpu")
    with pytest.raises(Exception, match="has objective.target v, not eps"):
        store.make(replace(learns[0], begin=weights_of(str(store.path(v)))), "cpu")


def test_p_unconds_are_four_trainings_of_one_command():
    for name in ("p-uncond-digits", "p-uncond-fashion"):
        for study in lookup("studies", name).values():
            shares = [part.study.model.objective.p_uncond for part in study.parts]
            assert tuple(shares) == P_UNCONDS == (0.05, 0.1, 0.2, 0.5) and len(study.base.sweeps) == 1
    ours, paper = (lookup("studies", name)["full"] for name in ("p-uncond-digits", "paper-cfg-digits"))
    found = [{p.task.address for p in study.cells() if p.place.get("sampler")} for study in (ours, paper)]
    assert len(found[0] & found[1]) == len(found[0]) * 3 // 4, "three of the four are the runs of the paper's figures"


@pytest.mark.slow
def test_p_unconds_are_drawn_as_the_paper_s_figure_4(tmp_path):
    study = p_unconds(paper_of(small(), (3,), (0.0, 1.0)), "tiny-p-uncond")
    folder = made(study, tmp_path)
    drawn = pd.read_csv(folder / "figure_4.csv")
    assert {share for share in drawn["p_uncond"] if share in P_UNCONDS} == set(P_UNCONDS)


@pytest.mark.slow
def test_weak_models_are_named_in_one_line_and_run_from_end_to_end(tmp_path):
    study = fast(
        weak_models(small(steps=16, fit={"warmup": 1, "lr": 1e-2}), "tiny-weak", 16)
    )  # so that four steps are seen in bytes
    folder = made(study, tmp_path)
    table = study.results(Store(tmp_path)).table
    assert {f"autoguidance ({words})" for words in study.others} <= set(table["method"]) and len(study.others) == 4
    at = table[(table["w"] == 1) & (table["metric"] == "fid_pixels")].groupby("method")["value"].first()
    assert at.nunique() == len(at), "every weak model guides elsewhere"
    assert read_study(folder) == study
    assert_each_network_once(study, Store(tmp_path))
    trained = {p.task.address for p in study.cells() if isinstance(p.task, Train) and p.task.kind == "denoiser"}
    assert len(trained) == 2, "the model, once, and the smaller one"


def test_a_weak_model_is_set_on_the_command_line():
    fit = ['model.fit.averages={"every": 10}', "model.fit.snapshots=[10]", 'methods=["autoguidance"]', "classifier=null"]
    for weak, kind in (
        ('{"is": "snapshot", "step": 10}', Snapshot),
        ('{"is": "post-hoc", "sigma_rel": 0.2}', PostHoc),
        ('{"is": "smaller", "width": 8, "steps": 5}', Smaller),
    ):
        study = override(DIGITS, [*fit, f"weak={weak}"])
        assert isinstance(study.weak, kind) and study.network("weak", 1).of_seed(0, study.density) is not None
        weak_one = study.network("weak", 1)
        assert (weak_one if isinstance(weak_one, Train) else weak_one.training).seed == 1
    assert study.network("weak", 1).network.width == 8 and study.network("weak", 1).fit.averages is None


def test_short_trainings_on_fashion_are_tested_on_a_few_images():
    paper, pairs = (lookup("studies", name)["quick"] for name in ("p-uncond-fashion", "two-conditions-fashion"))
    assert [part.study.model.n_test for part in paper.parts] == [500] * len(P_UNCONDS) and pairs.model.n_test == 500
