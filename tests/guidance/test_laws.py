"""Every method under every law: a new method is tested the moment its row exists."""

import dataclasses
import json

import pytest
import torch
from tilted import TILTED, exact_guidance_is_the_tilted_score, with_exact
from worlds import mixture

from guidance import METHODS
from guidance.diffusion import alpha_sigma
from guidance.gradients import log_prob_gradient
from guidance.laws import LAWS, W


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", METHODS)
def test_law(name, law):
    law(METHODS[name])


@pytest.mark.parametrize("name", TILTED)
def test_with_the_exact_world_guidance_is_the_score_it_claims(name):
    exact_guidance_is_the_tilted_score(METHODS[name])


def test_exact_classifier_guidance_is_exact_classifier_free_guidance():
    world = mixture()
    z, label = torch.randn(40, 2, dtype=torch.float64), torch.arange(40) % 3
    logsnr = torch.linspace(-20, 20, 40, dtype=torch.float64)
    one, other = (with_exact(METHODS[name](w=W), world)(z, logsnr, label) for name in TILTED)
    torch.testing.assert_close(one.eps, other.eps, rtol=1e-6, atol=1e-8)


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
