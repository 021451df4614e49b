"""The forward process and its conversions."""

import pytest
import torch

from guidance import Mixture, add_noise, alpha_sigma
from guidance.diffusion import TARGETS, score, v_of
from guidance.noise import SampleNoise


def test_the_process_preserves_variance_and_has_the_log_snr_it_is_given():
    logsnr = torch.linspace(-20, 20, 81, dtype=torch.float64)
    alpha, sigma = alpha_sigma(logsnr, torch.zeros(81, 1, dtype=torch.float64))
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(81, 1, dtype=torch.float64))
    torch.testing.assert_close(2 * (alpha / sigma).log()[:, 0], logsnr)


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_mixed_is_found_again_from_every_target(target):
    x, eps = torch.randn(2, 9, 3, 4, dtype=torch.float64)
    logsnr = torch.linspace(-8, 8, 9, dtype=torch.float64)
    z = add_noise(x, eps, logsnr)
    found = TARGETS[target](z, {"eps": eps, "x": x, "v": v_of(x, eps, logsnr)}[target], logsnr)
    torch.testing.assert_close(found.x, x)
    torch.testing.assert_close(found.eps, eps)


def test_the_score_of_a_standard_normal_is_minus_z():
    one = torch.ones(1, dtype=torch.float64)
    world, z = Mixture(0 * one[None], one[None, None], one, torch.tensor([0])), torch.randn(7, 1, dtype=torch.float64)
    logsnr = torch.linspace(-6, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(score(world(z, logsnr, None), logsnr), -z)


def test_noise_belongs_to_the_sample_and_not_to_the_batch():
    whole = SampleNoise(7, range(5), (2, 3))
    parts = [SampleNoise(7, [i], (2, 3)) for i in range(5)]
    for _ in range(3):
        assert torch.equal(whole(), torch.cat([part() for part in parts]))
