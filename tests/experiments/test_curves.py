"""A curve of a study with networks of its own: another training as the model, or as the weak model."""

from dataclasses import replace

import pytest
from tiny import make_here, results_of, tiny_study

from experiments.graph.value import encode
from experiments.networks import UNet
from experiments.studies.sweep import Curve
from experiments.tasks.power_ema import Averages
from experiments.tasks.snapshot import Snapshot
from experiments.tasks.sources import Guide
from experiments.tasks.weaker import PostHoc
from experiments.worlds.digits import Digits
from guidance import METHODS

SWEEP = {"sampler": "ddim", "steps": 3, "ws": [0, 1]}
pytestmark = pytest.mark.usefixtures("undrawn", "few_tested")


def study(*curves: Curve):
    base = tiny_study("digits-exact", {"sweeps": [SWEEP]})
    return replace(base, oracle=None, classifier=None, methods=(METHODS["classifier-free"](), *curves))


@pytest.fixture(scope="module")
def model():
    return study().model


@pytest.mark.slow
def test_a_curve_samples_its_own_model_and_its_weak_one(model, tmp_path):
    wide = replace(model, network=UNet(width=12))
    weak = replace(model, fit=replace(model.fit, steps=5))
    mine = study(
        Curve(method="classifier-free", model=wide, called="wide"), Curve(method="autoguidance", weak=weak, called="5 steps")
    )
    make_here(mine, tmp_path)
    found = results_of(mine, tmp_path)
    at_one = found.table[(found.table["w"] == 1) & (found.table["metric"] == "nll_exact")].set_index("method")["value"]
    assert set(at_one.index) == {"classifier-free", "classifier-free (wide)", "autoguidance (5 steps)"} and at_one.nunique() == 3
    plain = found.table[(found.table["w"] == 0) & (found.table["metric"] == "nll_exact")].set_index("method")["value"]
    assert plain["classifier-free"] == plain["autoguidance (5 steps)"] != plain["classifier-free (wide)"]
    networks = set(found.tables["networks"]["network"])
    assert networks == {"denoiser", "denoiser of classifier-free (wide)", "weak of autoguidance (5 steps)"}


def test_curves_without_networks_of_their_own_have_the_address_they_had():
    plain = encode(Curve(method="classifier-free"), whole=False)
    assert set(plain) == {"is", "method"}
    assert encode(Curve(method="classifier-free", called="late"), whole=False) != plain


def test_what_cannot_be_is_refused(model):
    with pytest.raises(ValueError, match="methods: classifier-free stands there twice"):
        study(Curve(method="classifier-free", model=replace(model, network=UNet(width=12))))
    with pytest.raises(ValueError, match="methods.1.model: its seed and density are set by train_seeds"):
        study(Curve(method="classifier-free", model=replace(model, seed=3), called="other"))
    with pytest.raises(ValueError, match="methods.1.model: it is of the world digits, and the study of digits-exact"):
        study(Curve(method="classifier-free", model=replace(model, world=Digits()), called="other"))
    with pytest.raises(ValueError, match="autoguidance needs a network for its role 'weak'"):
        study(Curve(method="autoguidance"))


def test_a_state_that_the_model_has_not_is_refused_of_a_curve_too():
    for state, why in (
        (Snapshot(step=11), "methods.1.weak: step: 11 is no snapshot of its training, which keeps none"),
        (PostHoc(sigma_rel=0.2), "methods.1.weak: training: it keeps no averages to rebuild others from"),
    ):
        with pytest.raises(ValueError, match=why):
            study(Curve(method="autoguidance", weak=state))


def test_states_of_trainings_are_held_to_what_trainings_are(model):
    kept = replace(model, fit=replace(model.fit, snapshots=(10,), averages=Averages(every=1)))

    def states(training):
        return Snapshot(training=training, step=10), PostHoc(training=training, sigma_rel=0.2)

    for state in states(replace(kept, world=Digits())):
        with pytest.raises(ValueError, match="weak.training: it is of the world digits, and the study of digits-exact"):
            replace(study(), weak=state)
        with pytest.raises(ValueError, match="methods.1.model.training: it is of the world digits"):
            study(Curve(method="classifier-free", model=state, called="other"))
    for state in states(replace(kept, seed=3)):
        with pytest.raises(ValueError, match="methods.1.weak.training: its seed and density are set by train_seeds"):
            study(Curve(method="autoguidance", weak=state))
    for state in states(kept):
        assert study(Curve(method="autoguidance", weak=state)).cells()


def test_the_classifier_of_a_guide_is_of_the_studys_world():
    classifier = tiny_study("digits").classifier
    with pytest.raises(ValueError, match=r"classifier\.classifier: it is of the world digits, and the study of digits-exact"):
        replace(study(), classifier=Guide(classifier=classifier, temperature=2.0))
