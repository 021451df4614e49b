"""The effective scale: 1 + w of classifier-free guidance, whatever the form it is written in."""

import pytest
import torch
from worlds import mixture

from guidance import METHODS, SAMPLERS, Clipped, CosineLogSNR, sample
from guidance.diffusion import alpha_sigma, from_eps
from guidance.effective import EffectiveWeight

LEVELS = CosineLogSNR(-5.0, 7.0).grid(6)


def recorded(method, sampler="ddim", n=8):
    world = mixture(torch.float32)
    guided = EffectiveWeight(method(world), world, LEVELS.tolist())
    sample(guided, SAMPLERS[sampler](), LEVELS, torch.arange(n) % 3, (2,), 0)
    return guided


@pytest.mark.parametrize("w", [0.0, 0.5, 3.0])
def test_classifier_free_guidance_has_the_scale_one_plus_w_and_nothing_else(w):
    found = recorded(METHODS["classifier-free"](w=w))
    scale, rest = found.overall()
    assert scale == pytest.approx(1 + w, rel=1e-4) and rest == pytest.approx(0, abs=2e-2)
    assert found.by_call()["scale"][:-1] == pytest.approx([1 + w] * 5, rel=1e-3)  # the last differences are rounding
    assert found.by_call()["logsnr"] == pytest.approx(LEVELS.tolist())


def test_a_window_shows_call_by_call():
    found = recorded(METHODS["classifier-free"](w=2.0, logsnr_min=-2.0, logsnr_max=2.0)).by_call()
    inside = [-2 <= value < 2 for value in found["logsnr"]]
    assert found["scale"][:-1] == pytest.approx([3.0 if each else 1.0 for each in inside][:-1], rel=1e-3)
    assert found["scale"][-1] is None, "conditional and null prediction are one there, but for rounding"
    assert any(inside) and not all(inside)


def test_a_shift_of_the_mean_counts_as_the_shift_of_eps_that_it_is_in_the_limit():
    def shifted(z, logsnr, label):
        cond, null = world(z, logsnr, label), world(z, logsnr, None)
        _, sigma = alpha_sigma(logsnr, z)
        return cond.with_control(mean_shift=-1.5 * (cond.eps - null.eps) / sigma, requires=("mean_shift",))

    world = mixture(torch.float32)
    guided = EffectiveWeight(shifted, world, LEVELS.tolist())
    sample(guided, SAMPLERS["ancestral"](), LEVELS, torch.arange(6) % 3, (2,), 0)
    assert guided.overall()[0] == pytest.approx(2.5, rel=1e-4)


def test_conditional_and_unconditional_predictions_that_never_differ_have_no_scale():
    world = mixture(torch.float32)
    blind = lambda z, logsnr, label: world(z, logsnr, None)  # noqa: E731
    guided = EffectiveWeight(blind, blind, LEVELS.tolist())
    sample(guided, SAMPLERS["ddim"](), LEVELS, torch.arange(3), (2,), 0)
    assert guided.overall() == (None, None) and guided.by_call()["scale"] == [None] * 6


def test_a_network_s_error_at_the_ends_of_lambda_does_not_decide_over_the_whole_trajectory():
    """A model whose eps is off by a thousandth at lambda = -20, where x is that times 22,000; and guidance of another w there."""
    world, levels = mixture(torch.float32), torch.tensor([-20.0, -1.0, 0.0, 1.0, 20.0])

    def off(z, logsnr, label):
        eps = world(z, logsnr, label).eps + (0.0 if label is None else 1e-3) * (logsnr[0].abs() > 10)
        return from_eps(z, eps, logsnr)

    def weaker_at_the_ends(z, logsnr, label):
        cond, null = off(z, logsnr, label), off(z, logsnr, None)
        w = -0.5 if logsnr[0].abs() > 10 else 2.0
        return from_eps(z, cond.eps + w * (cond.eps - null.eps), logsnr)

    guided = EffectiveWeight(weaker_at_the_ends, off, levels.tolist())
    sample(Clipped(guided, -3.0, 3.0), SAMPLERS["ddim"](), levels, torch.arange(6) % 3, (2,), 0)
    assert guided.by_call()["scale"][:-1] == pytest.approx([0.5, 3.0, 3.0, 3.0], rel=1e-2)  # the last is of rounding
    assert guided.overall()[0] == pytest.approx(3.0, rel=1e-2)
