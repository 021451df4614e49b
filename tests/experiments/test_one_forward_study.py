"""The study of guidance at one forward, tiny: every way trains, is sampled at its price, and is reported."""

from dataclasses import replace

import pandas as pd
import pytest
from tiny import make_here, results_of

from experiments.studies.one_forward import FULL, QUICK, STEPS, middle, worlds
from experiments.studies.sweep import Sweep
from guidance.samplers.ddim import DDIM
from guidance.trained_strength import TrainedStrength

PRICES = {  # evaluations of the denoiser at w = 1, a step
    "classifier-free": 2, "distilled": 1, "guidance-free": 1, "model-guidance": 1, "internal": 1, "momentum": 1,
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("undrawn", "few_tested")


@pytest.fixture(scope="module")
def tiny():
    sizes = {"steps": {name: 3 for name in QUICK.worlds}, "n": {name: 40 for name in QUICK.worlds}}
    made = worlds(**sizes, base=QUICK.worlds["fashion"], ws=(1.0,), sample_seeds=(0, 1))
    few = (Sweep(sampler=DDIM(), steps=4, ws=(1.0,)),)
    of_one = replace(made["digits-exact"], sweeps=few, guided_error=10)
    methods = tuple(replace(curve, ws=tuple(w for w in curve.ws or () if w in (0.0, 1.0))) for curve in of_one.methods)
    return replace(QUICK, worlds={"digits-exact": replace(of_one, methods=methods)})


@pytest.mark.slow  # half a minute: a training for each way
def test_every_way_is_sampled_at_its_price_and_reported(tiny, tmp_path):
    folder = make_here(tiny, tmp_path)
    results = results_of(tiny, tmp_path)
    assert not results.failed
    table = results.table[results.table["w"] == 1.0]
    forwards = table[table["metric"] == "nfe_denoiser_forward"].groupby("method")["value"].mean()
    assert {name: forwards[name] for name in PRICES} == {name: 4 * price for name, price in PRICES.items()}
    assert 4 < forwards["classifier-free (last)"] < 4.5 < forwards["classifier-free (up)"] < 8
    errors = pd.read_csv(folder / "guided_error.csv")
    learned = {
        "classifier-free",
        "classifier-free (last)",
        "classifier-free (up)",
        "distilled",
        "guidance-free",
        "model-guidance",
    }
    assert set(errors["method"]) == learned and (errors["error"] > 0).all()
    cheapest = pd.read_csv(folder / "cheapest.csv").set_index("method")
    assert cheapest["evaluations"].min() == pytest.approx(1.0) and (cheapest["evaluations"].diff().dropna() >= 0).all()
    losses = pd.read_csv(folder / "denoising_loss.csv").set_index("method")
    assert set(losses.index) == {"plain", *(learned - {"classifier-free"}), "internal"}
    assert losses.loc["plain", "ratio"] == 1 and (losses["conditional"] > 0).all()
    page = (folder / "report.html").read_text()
    assert "What the quality of plain guidance at its best w costs" in page and "guided prediction against the exact" in page


@pytest.mark.parametrize("form", [QUICK, FULL])
def test_the_ways_differ_from_the_plain_network_in_what_they_are_called_alone(form):
    for name, study in form.worlds.items():
        trained = {curve.label: curve.model for curve in study.methods if curve.model is not None}
        assert set(trained) == {
            "classifier-free (up)", "classifier-free (last)", "distilled", "guidance-free", "model-guidance", "internal"
        }, name  # fmt: skip
        for label, model in trained.items():
            assert model.world == study.world and model.seed == study.model.seed
            assert replace(model.network, strength=False, label_from=0, internal_head=0) == study.model.network, label
            assert model.fit == study.model.fit or label == "distilled"
        assert trained["model-guidance"].objective.logsnr_min is None, "it aims at the field that the others do"
        for curve in study.methods:
            strength = curve.model is not None and curve.model.network.strength
            assert isinstance(curve.method, TrainedStrength) == strength
        assert 0 < trained["internal"].network.internal_head == middle(study.model.network)
    assert {study.sweeps[0].steps for study in form.worlds.values()} == {STEPS}
