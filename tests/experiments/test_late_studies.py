"""Late conditioning and internal heads by configuration: trained, sampled, counted, priced, and refused where they do not fit."""

import json

import pytest
import torch
from tiny import tiny_study

from experiments.cost_command import machine_of
from experiments.graph.store import Store
from experiments.networks import DiT, UNet
from experiments.objectives.denoising import Denoising
from experiments.pricing.sampling import lambdas, price_sample
from experiments.problems import Problem
from experiments.settings import override
from experiments.studies.digits import QUICK as DIGITS
from experiments.tasks.drawing import Drawing
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train
from guidance.head_share import head_share
from guidance.schedules import CosineLogSNR

ONE = {"model.fit.steps": 6, "n": 20, "sweeps": [{"sampler": "ddim", "steps": 3, "ws": [0, 1]}]}
LATE = {"is": "unet", "width": 8, "attention": [], "label_from": "last"}
HEADED = {"is": "dit", "patch": 4, "width": 16, "depth": 3, "internal_head": 1}


def trained(network: object = "unet", **objective: object) -> Train:
    return Train(world="digits", network=network, objective={"is": "denoising", **objective}, fit={"steps": 1})


def test_the_defaults_are_no_part_of_an_address_and_the_places_are():
    plain = trained({"is": "unet"})
    assert plain.address == trained({"is": "unet", "label_from": 0, "internal_head": 0}, internal_weight=0).address
    assert not {"label_from", "internal_head", "internal_weight"} & set(json.dumps(plain.identity).replace('"', " ").split())
    assert len({plain.address, *(trained({"is": "unet", "label_from": place}).address for place in (1, 2, "up"))}) == 4


def test_a_setting_names_the_place():
    study = override(DIGITS, ["model.network.label_from=up"])
    assert study.model.network == UNet(label_from="up") and study.model.module().label_from == 3
    assert override(DIGITS, ["model.network.label_from=2"]).model.module().label_from == 2
    assert DiT(patch=2, label_from="output") == DiT(patch=2, label_from="output", internal_head=0)
    with pytest.raises(ValueError, match="label_from must lie in 0 to 4"):
        override(DIGITS, ["model.network.label_from=7"]).model.module()
    with pytest.raises(Problem, match="model.network.label_from"):
        override(DIGITS, ["model.network.label_from=somewhere"])


@pytest.mark.parametrize(
    ("network", "objective", "method"),
    [(LATE, {}, "classifier-free"), (HEADED, {"internal_weight": 0.5}, "internal")],
    ids=["late", "internal"],
)
def test_it_is_trained_and_sampled_and_what_was_counted_is_recorded(tmp_path, network, objective, method):
    store, model = Store(tmp_path / "runs"), trained(network, **objective)
    store.make(model, "cpu")
    options = {"world": "digits", "model": model, "sampler": "ddim", "steps": 4, "density": CosineLogSNR(), "seed": 0, "n": 6}
    sample = Sample(method={"is": method, "w": 1.0, "logsnr_min": -3.0}, **options)
    x, cost, _ = Drawing(sample, store, "cpu").drawn(range(6))
    calls = lambdas(sample, 4)
    guided = sum(map(sample.method.acts, calls))
    share = head_share(model.module(), (1, 8, 8)) if method == "classifier-free" else 0.0
    assert 0 < guided < len(calls) and x.shape == (6, 1, 8, 8) and share < 0.2
    assert cost["denoiser_forward"] == pytest.approx(6 * (len(calls) + guided * share))
    priced = price_sample(sample, machine_of("a100", 0.3, False), {})
    assert priced.bound == (method == "classifier-free"), "of a shared trunk the formula is the most that it costs"


def test_the_objective_trains_both_outputs():
    task = trained(HEADED, internal_weight=0.5)
    module = task.module()
    rows = torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8), torch.zeros(4), torch.arange(4)
    task.objective.losses_of(module, task.world, *rows).mean().backward()
    assert module.inner_leave.weight.grad.any() and module.leave.weight.grad.any()


@pytest.mark.parametrize(
    ("network", "objective", "words"),
    [
        (HEADED, {}, "internal_head is nothing without internal_weight"),
        ("unet", {"internal_weight": 0.5}, "internal_weight is nothing without internal_head"),
        (HEADED | {"internal_head": 3}, {"internal_weight": 0.5}, "internal_head must lie in 1 to 2"),
    ],
)
def test_a_head_and_its_weight_go_together(network, objective, words):
    with pytest.raises(ValueError, match=words):
        trained(network, **objective).module()


def test_a_head_beside_a_learned_variance_is_refused():
    with pytest.raises(ValueError, match="internal_weight: an internal head says no variance"):
        Denoising(internal_weight=0.5, variance="hybrid")


def test_a_study_without_a_head_refuses_the_method_before_any_work():
    with pytest.raises(ValueError, match="internal needs a model with an internal head: set model.network.internal_head"):
        tiny_study("digits", ONE | {"methods": ["internal"]})
