"""The forward process and its conversions."""

import pytest
import torch

from guidance import CosineLogSNR, add_noise, alpha_sigma
from guidance.diffusion import from_eps, from_x
from guidance.seeding import SampleNoise, generator


def test_the_process_preserves_variance_and_has_the_log_snr_it_is_told():
    logsnr = torch.linspace(-20, 20, 81, dtype=torch.float64)
    alpha, sigma = alpha_sigma(logsnr, torch.zeros(81, 1, dtype=torch.float64))
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(81, 1, dtype=torch.float64))
    torch.testing.assert_close(2 * (alpha / sigma).log()[:, 0], logsnr)


@pytest.mark.parametrize("convert", ["eps", "x"])
def test_what_was_mixed_is_found_again(convert):
    x, eps = torch.randn(2, 9, 3, 4, dtype=torch.float64)
    logsnr = torch.linspace(-8, 8, 9, dtype=torch.float64)
    z = add_noise(x, eps, logsnr)
    found = from_eps(z, eps, logsnr) if convert == "eps" else from_x(z, x, logsnr)
    torch.testing.assert_close(found.x, x)
    torch.testing.assert_close(found.eps, eps)


def test_the_cosine_density_ends_where_it_should_and_is_the_truncated_cosine():
    schedule = CosineLogSNR(-20.0, 20.0)
    u = torch.linspace(0, 1, 1001, dtype=torch.float64)
    logsnr = schedule(u)
    torch.testing.assert_close(logsnr[[0, -1]], torch.tensor([20.0, -20.0], dtype=torch.float64))
    density = -1 / torch.gradient(logsnr, spacing=(u,))[0]  # |du / dlambda|, hyperbolic secant / 2 pi (the paper, section 2)
    expected = 1 / (2 * torch.pi * torch.cosh(logsnr / 2))
    torch.testing.assert_close(density[50:-50], expected[50:-50], rtol=2e-3, atol=0)


def test_the_grid_is_even_in_u_and_increases():
    grid = CosineLogSNR(-20.0, 20.0).grid(5)
    torch.testing.assert_close(grid, CosineLogSNR(-20.0, 20.0)(torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=torch.float64)))
    assert (grid.diff() > 0).all() and grid.dtype == torch.float64


@pytest.mark.parametrize("ends", [(1.0, -1.0), (float("nan"), 3.0), (0.0, float("inf"))])
def test_a_range_that_is_none_is_refused(ends):
    with pytest.raises(ValueError, match="min < max"):
        CosineLogSNR(*ends)


def test_a_grid_of_one_step_is_refused():
    with pytest.raises(ValueError, match="steps"):
        CosineLogSNR().grid(1)


def test_noise_belongs_to_the_sample_and_not_to_the_batch():
    whole = SampleNoise(7, range(5), (2, 3))
    parts = [SampleNoise(7, [i], (2, 3)) for i in range(5)]
    for _ in range(3):
        assert torch.equal(whole(), torch.cat([part() for part in parts]))


def test_every_pair_of_seed_and_index_has_noise_of_its_own():
    draws = {torch.randn(1, generator=generator(s, i)).item() for s in (0, 1, 1023) for i in (0, 1, 2**22 - 1)}
    assert len(draws) == 9


@pytest.mark.parametrize("pair", [(1024, 0), (0, 2**22), (-1, 0)])
def test_a_seed_that_would_collide_is_refused(pair):
    with pytest.raises(ValueError, match="seed"):
        generator(*pair)
