"""What networks that learn guidance refuse: settings that mean nothing, another objective's method, a w that was not trained."""

import pytest
import torch
from learned import network
from torch import nn

from experiments.networks import DiT, UNet
from experiments.objectives.denoising import Denoising
from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.model_guidance import ModelGuidance
from experiments.worlds.digits import Digits
from guidance import METHODS, NetworkDenoiser
from guidance.strengths import Strengths


def test_networks_that_cannot_learn_it_and_settings_that_mean_nothing_are_refused_in_one_line():
    with pytest.raises(
        ValueError, match="guidance-free trains a network that is conditioned on a strength: set network.strength"
    ):
        GuidanceFree().build(UNet(width=8), Digits())
    with pytest.raises(ValueError, match="w: a fixed one is below 1"):
        ModelGuidance(w=1.0).build(DiT(patch=2, width=16, depth=1), Digits())
    for objective in (GuidanceFree(), ModelGuidance(w=4.0)):
        with pytest.raises(ValueError, match=f"internal_head: {objective.name} trains no such head"):
            objective.build(UNet(width=8, strength=True, internal_head=2), Digits())
    for built in (
        ModelGuidance(w=0.9).build(UNet(width=8), Digits()),
        ModelGuidance(w=4.0).build(UNet(width=8, strength=True), Digits()),
    ):
        assert isinstance(built, nn.Module)


def test_a_method_is_refused_on_a_network_of_another_training_and_beyond_what_it_was_trained_at():
    module, (z, _, logsnr, label), _ = network(strength=True)
    free = GuidanceFree(min_beta=0.2).play("model", module, Digits(), None)["model"]
    scaled = ModelGuidance(w=2.0).play("model", module, Digits(), None)["model"]
    label = label.clamp(max=9)
    assert free.strengths == Strengths("guidance-free", 0.0, 0.8) and scaled.strengths == Strengths("model-guidance", 0.0, 2.0)
    assert METHODS["guidance-free"](w=4.0)(free)(z, logsnr, label).x.shape == z.shape
    with pytest.raises(
        ValueError, match=r"guidance-free: w = 4\.1 is the strength 0\.803922, and this network was trained from 0 to 0\.8"
    ):
        METHODS["guidance-free"](w=4.1)(free)
    with pytest.raises(ValueError, match="this network was trained by the objective model-guidance, and not by guidance-free"):
        METHODS["guidance-free"](w=1.0)(scaled)
    with pytest.raises(ValueError, match="model-guidance: w = 3 is the strength 3"):
        METHODS["model-guidance"](w=3.0)(scaled)
    plain = Denoising().play("model", module, Digits(), None)["model"]
    with pytest.raises(ValueError, match="trained by the objective denoising, and not by guidance-free"):
        METHODS["guidance-free"](w=1.0)(plain)
    fixed = ModelGuidance().play("model", network()[0], Digits(), None)["model"]
    with pytest.raises(ValueError, match="not conditioned on a strength"):
        METHODS["model-guidance"](w=0.4)(fixed)(z, logsnr, label)
    assert METHODS["model-guidance"](w=0.0)(fixed) is fixed


@pytest.mark.parametrize("name", ["guidance-free", "model-guidance"])
def test_w_below_zero_is_the_null_label_or_nothing_and_rescale_has_nothing_to_rescale_to(name):
    module, (z, _, logsnr, label), _ = network(strength=True)
    model, label = NetworkDenoiser(module, 10), label.clamp(max=9)
    assert torch.equal(METHODS[name](w=-1.0)(model)(z, logsnr, label).eps, model(z, logsnr, None).eps)
    with pytest.raises(ValueError, match=f"{name}: w must be 0 or more, or -1, the unconditional model, not -0.5"):
        METHODS[name](w=-0.5)
    with pytest.raises(ValueError, match=f"rescale needs the conditional prediction, which {name} does not evaluate"):
        METHODS[name](w=1.0, rescale=0.5)
