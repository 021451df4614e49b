"""A StepControl orders what its fields say, and nothing by default; it stays with its prediction."""

import math

import pytest
import torch

from guidance import METHODS, SAMPLERS, Clipped, Prediction, StepControl
from guidance.control import CAPABILITIES
from guidance.samplers.ddim import DDIM
from guidance.samplers.grid import evaluate, refusal

MEAN, NOISE = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 0.25]])


def test_a_neutral_control_draws_the_samplers_own_gaussian():
    assert torch.equal(StepControl().draw(MEAN, 0.5, lambda: NOISE), MEAN + 0.5 * NOISE)
    assert vars(StepControl().map(torch.neg)) == vars(StepControl())


def test_no_noise_is_drawn_where_the_step_has_none():
    assert StepControl().draw(MEAN, 0.0, lambda: pytest.fail("noise was drawn")) is MEAN


def test_the_mean_moves_by_the_variance_and_the_noise_is_scaled():
    shift = torch.tensor([[4.0, 8.0]])
    found = StepControl(mean_shift=shift, noise_scale=3.0).draw(MEAN, torch.tensor([[0.5, 0.25]]), lambda: NOISE)
    assert found.tolist() == [[1 + 3 * 0.5 * 0.5 + 0.25 * 4, -2 + 3 * 0.25 * 0.25 + 0.0625 * 8]]
    assert StepControl(noise_scale=3.0).scaled(lambda: NOISE)().tolist() == [[1.5, 0.75]]


def test_the_transition_is_observed_before_it_is_shifted_and_scaled():
    seen = []
    control = StepControl(mean_shift=MEAN, noise_scale=2.0, on_transition=lambda mean, variance: seen.append((mean, variance)))
    control.draw(MEAN, 0.5, lambda: NOISE)
    assert seen == [(MEAN, 0.25)]


def test_a_control_survives_clipping_and_moves_with_the_rows():
    pred = Prediction(2 * MEAN, NOISE).with_control(mean_shift=MEAN, requires=("mean_shift",))
    clipped = Clipped(lambda z, logsnr, label: pred)(MEAN, torch.zeros(1), None)
    assert clipped.control is pred.control and clipped.x.tolist() == [[1.0, -1.0]]
    moved = pred.map(lambda rows: rows + 1)
    assert torch.equal(moved.x, 2 * MEAN + 1) and torch.equal(moved.control.mean_shift, MEAN + 1)
    assert moved.control.requires == ("mean_shift",)


@pytest.mark.parametrize("word", CAPABILITIES)
def test_what_a_sampler_is_not_capable_of_is_refused_in_a_sentence(word):
    denoiser = lambda z, logsnr, label: Prediction(z, z).with_control(requires=(word,))  # noqa: E731
    capable = [name for name, sampler in SAMPLERS.items() if word in sampler().capabilities]
    assert capable and "heun" not in capable
    with pytest.raises(ValueError, match="heun is none"):
        evaluate(SAMPLERS["heun"](), denoiser, MEAN, 0.0, None)
    evaluate(SAMPLERS[capable[0]](), denoiser, MEAN, 0.0, None)
    assert CAPABILITIES[word] in refusal(DDIM(), word)


def test_a_method_over_another_requires_what_both_require():
    plain = lambda z, logsnr, label: Prediction(z, z)  # noqa: E731
    inner = METHODS["cfg++"](w=1.0)(plain)
    outer = METHODS["pcg"](w=1.0)(inner, (-1.0, 0.0, 1.0), lambda: torch.zeros(1, 2))
    assert set(outer(MEAN, torch.full((1,), -1.0), None).control.requires) == {"decoupled_eps", "moved_z", "single_call"}
    assert math.isclose(METHODS["shrunk-noise"](w=1.0)(inner)(MEAN, torch.zeros(1), None).control.noise_scale, 0.5)
