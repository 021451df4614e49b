"""What studies of dropout and weak models refuse before any work, in one line."""

from dataclasses import replace

import pytest
from test_dropout_studies import FAST, small

from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.settings import override
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.dropout import forms, two_networks, with_p_uncond
from experiments.studies.sweep import Curve
from experiments.tasks.denoising_loss import DenoisingLoss
from experiments.tasks.power_ema import Averages
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.weaker import PostHoc


@pytest.mark.parametrize(
    ("weak", "words"),
    [
        ('{"is": "snapshot", "step": 11}', "weak: step: 11 is no snapshot of its training, which keeps none"),
        ('{"is": "post-hoc", "sigma_rel": 0.2}', "weak: training: it keeps no averages to rebuild others from: set fit.averages"),
        ('{"is": "post-hoc", "sigma_rel": 0.5}', "weak.sigma_rel|sigma_rel"),
        ('{"is": "earlier"}', "snapshot, post-hoc, smaller"),
    ],
)
def test_a_state_that_the_model_has_not_is_refused_before_any_work(weak, words):
    with pytest.raises(Problem, match=words):
        override(DIGITS, ['methods=["autoguidance"]', "classifier=null", f"weak={weak}"])


def test_what_needs_a_null_label_is_refused_of_a_model_without_one():
    alone = with_p_uncond(DIGITS.model, 0.0)
    with pytest.raises(ValueError, match=r"classifier-free needs a model that knows the null label: .*p_uncond is 0"):
        replace(DIGITS, model=alone)
    assert replace(DIGITS, methods=("two-networks",), classifier=None, sweeps=FAST, **two_networks(DIGITS.model)).model == alone


def test_a_network_that_saw_no_label_is_refused_as_a_model_and_has_no_loss_with_one(tmp_path):
    study, pair = small(steps=1), two_networks(small(steps=1).model)
    with pytest.raises(ValueError, match="model: its training drops every label .* it can be `unconditional` alone"):
        replace(study, model=pair["unconditional"])
    with pytest.raises(ValueError, match=r"methods: classifier-free \(other\): its model: its training drops every label"):
        replace(study, methods=(Curve(method="classifier-free", model=pair["unconditional"], called="other"),))
    weak = Curve(method="autoguidance", weak=pair["unconditional"], called="other")
    with pytest.raises(ValueError, match=r"methods: autoguidance \(other\): its weak: its training drops every label"):
        replace(study, methods=(weak,))
    with pytest.raises(ValueError, match="weak.training: its training drops every label"):
        kept = replace(pair["unconditional"], fit=replace(study.model.fit, steps=2, snapshots=(1,)))
        replace(study, methods=("autoguidance",), weak=Snapshot(training=kept, step=1))
    assert replace(study, methods=("two-networks",), **pair).unconditional == pair["unconditional"]
    store, loss = Store(tmp_path), DenoisingLoss(denoiser=pair["unconditional"], n=20, levels=2)
    store.make(loss.denoiser, "cpu"), store.make(loss, "cpu")
    assert {row["metric"] for row in loss.denoiser.rows(store)} == {"eps_loss_null"}
    assert {row["branch"] for row in loss.rows(store)} == {"unconditional"}


def test_an_average_that_comes_near_no_profile_of_its_length_is_refused():
    model = replace(DIGITS.model, fit=replace(DIGITS.model.fit, averages=Averages(every=1000)))
    with pytest.raises(ValueError, match=r"sigma_rel: 0.2 .* of every 1000 steps with a misfit of 0\.2\d, above 0.2: keep them"):
        PostHoc(training=model, sigma_rel=0.2)
    assert PostHoc(training=model, sigma_rel=0.1).files, "what was tracked is exact"


def test_rows_that_are_paired_by_seeds_are_of_the_same_seeds():
    study = forms(small(), "tiny-dropout")
    for seeds in ({"train_seeds": (0, 1)}, {"sample_seeds": (5,)}):
        with pytest.raises(ValueError, match=f"others.other.{next(iter(seeds))}: it is not that of the base"):
            replace(study, others={"other": replace(study.base, **seeds)})


def test_an_average_after_a_step_that_was_not_kept_is_refused():
    model = replace(DIGITS.model, fit=replace(DIGITS.model.fit, averages=Averages(every=400)))
    with pytest.raises(ValueError, match="step: no average was kept after 600 steps, but every 400, and after 2500"):
        PostHoc(training=model, sigma_rel=0.1, step=600)
    assert len(PostHoc(training=model, sigma_rel=0.15).files) == 14
    assert [*PostHoc(training=model, sigma_rel=0.1, step=800).files].count("average-0.1-0000800.safetensors") == 1
