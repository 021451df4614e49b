"""Every method under every law: a new method is tested the moment its row exists."""

import dataclasses
import json
from functools import partial

import pytest
import torch
from worlds import mixture

from guidance import METHODS, SAMPLERS, laws
from guidance.diffusion import alpha_sigma
from guidance.gradients import log_prob_gradient
from guidance.laws import LAWS, W


@pytest.fixture(scope="module", autouse=True)
def few_langevin_steps():
    """Two a level for ten: every method is tried with every sampler, and this one had half of all calls of the laws."""
    few = dict(SAMPLERS) | {"annealed-langevin": partial(SAMPLERS["annealed-langevin"], corrections=2)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guidance.laws.SAMPLERS", few)
        patch.setattr("guidance.law_kit.SAMPLERS", few)
        yield


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", METHODS)
def test_law(name, law):
    law(METHODS[name])


EXACT = (
    "classifier", "classifier-free", "classifier-mean", "classifier-unconditional", "distilled", "guidance-free",
    "model-guidance", "null-from-classes", "two-networks",
)  # fmt: skip
JUMPS = ("cads", "dynamic-threshold", "gibbs", "pcg", "restart", "self-recurrence", "static-threshold", "z-sampling")
ELSEWHERE = ("composed", "higs", "momentum", "negative-window", "particle-guidance", "shrunk-noise", "temperature")


def test_these_and_no_others_claim_the_score_of_the_tilted_density():
    assert tuple(sorted(name for name, kind in METHODS.items() if kind.tilted)) == EXACT


def test_these_and_no_others_declare_an_exception_and_the_laws_say_why():
    assert tuple(sorted(name for name, kind in METHODS.items() if kind.jumps_at_zero)) == JUMPS
    assert tuple(sorted(name for name, kind in METHODS.items() if kind.direction not in ("class", "weak"))) == ELSEWHERE
    assert not any(kind.own_scale for kind in METHODS.values())
    assert laws.small_w_changes_little(METHODS["gibbs"]) == "the repetitions stay, with noise of their own"
    assert laws.small_w_points_the_right_way(METHODS["temperature"]) == METHODS["temperature"].direction
    assert laws.small_w_points_the_right_way(METHODS["pag"]) == "away from a worse prediction"


@pytest.mark.parametrize(
    ("name", "law", "withdrawn"),
    [
        *((name, laws.strength_is_the_declared_one, {"tilted": False}) for name in EXACT),
        *((name, laws.small_w_changes_little, {"jumps_at_zero": None}) for name in JUMPS),
        ("limited-interval", laws.strength_is_the_declared_one, {"tilted": True}),
        ("limited-interval", laws.strength_is_the_declared_one, {"reduces_to_cfg": None}),
        ("scheduled", laws.strength_is_the_declared_one, {"reduces_to_cfg": None}),
        ("apg", laws.strength_is_the_declared_one, {"tilted": True}),
        ("pag", laws.strength_is_the_declared_one, {"tilted": True}),
        ("shrunk-noise", laws.small_w_points_the_right_way, {"direction": "class"}),
        ("particle-guidance", laws.small_w_points_the_right_way, {"direction": "class"}),
    ],
)
def test_a_declaration_is_needed_both_ways(name, law, withdrawn):
    with pytest.raises(AssertionError):
        law(type("Undeclared", (METHODS[name],), {}, **withdrawn))


def test_another_strength_may_be_declared_in_words():
    half = type("Half", (METHODS["classifier-free"],), {}, tilted=False, reduces_to_cfg=None)
    half.guided = lambda self, model: METHODS["classifier-free"](w=self.w / 2)(model)
    with pytest.raises(AssertionError, match=r"not w times grad log p\(c\|z\) but 0.5 at lambda -20"):
        laws.strength_is_the_declared_one(half)
    half.own_scale = "half of w, as in its paper"
    assert laws.strength_is_the_declared_one(half) == half.own_scale


def test_w_on_the_conditional_base_is_w_plus_one_on_the_unconditional():
    world = mixture()
    z, label = torch.randn(40, 2, dtype=torch.float64), torch.arange(40) % 3
    logsnr = torch.linspace(-8, 8, 40, dtype=torch.float64)
    _, sigma = alpha_sigma(logsnr, z)
    gradient = log_prob_gradient(world.class_logits, z, logsnr, label)
    unconditional = world(z, logsnr, None).eps - (W + 1) * sigma * gradient
    guided = METHODS["classifier"](w=W)(world, world.class_logits)(z, logsnr, label)
    torch.testing.assert_close(guided.eps, unconditional, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", METHODS)
def test_the_configuration_of_a_method_makes_a_round_trip(name):
    method = METHODS[name](w=0.7)
    assert METHODS[name](**json.loads(json.dumps(dataclasses.asdict(method)))) == method


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("w", [float("nan"), float("inf")])
def test_a_strength_that_is_no_number_is_refused(name, w):
    with pytest.raises(ValueError, match="w must be a finite number"):
        METHODS[name](w=w)


def test_classifier_guidance_without_a_label_is_refused():
    world = mixture()
    with pytest.raises(ValueError, match="label"):
        METHODS["classifier"](w=1.0)(world, world.class_logits)(torch.zeros(2, 2), torch.zeros(2), None)
