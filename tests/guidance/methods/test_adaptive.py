"""Adaptive guidance: when it stops, and that it begins."""

import torch
from four_classes import WORLD

from guidance import METHODS
from guidance.cost import count
from guidance.diffusion import from_eps
from guidance.samplers import SAMPLERS
from guidance.sampling import sample
from guidance.schedules import CosineLogSNR


def test_adaptive_guidance_stops_sample_by_sample_and_for_good():
    evaluated = []
    z, level = torch.ones(2, 2), torch.zeros(2)
    null = [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.001], [0.0, 1.0]], [[0.0, 1.0]], [[1.0, 0.001]]]
    cond = torch.tensor([[1.0, 0.0], [1.0, 0.0]])

    def model(z, logsnr, label):
        if label is not None:
            return from_eps(z, cond, logsnr)
        evaluated.append(len(z))
        return from_eps(z, torch.tensor(null[len(evaluated) - 1]), logsnr)

    guided = METHODS["adaptive"](w=1.0)(model)
    first, second, third, _, fifth = (guided(z, level, torch.zeros(2, dtype=torch.long)).eps for _ in range(5))
    assert evaluated == [2, 2, 1, 1]
    torch.testing.assert_close(first, torch.tensor([[2.0, -1.0], [2.0, -1.0]]))
    torch.testing.assert_close(second, torch.tensor([[1.0, -0.001], [2.0, -1.0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(third, torch.tensor([[1.0, 0.0], [2.0, -1.0]]))  # the first stays unguided
    torch.testing.assert_close(fifth, cond)


def test_adaptive_guidance_guides_from_pure_noise_on_and_stops_before_the_end():
    levels, label = CosineLogSNR().grid(16), torch.arange(4)
    cost = {}
    for space in ("x", "eps"):
        with count(WORLD) as counted:
            sample(METHODS["adaptive"](w=1.0, space=space)(WORLD), SAMPLERS["ddim"](), levels, label, (2,), 0)
        cost[space] = counted.per_sample(4).denoiser_forward
    assert 19 < cost["x"] < 31, "the null branch is evaluated at several levels, and at no later ones"
    assert cost["eps"] == 17, "both are z itself there, which is why x is the default"
