"""What lies between two latents."""

import math

import torch

from experiments.latents import between, nats_per_pixel
from experiments.worlds import data
from experiments.worlds.digits_exact import DigitsExact
from guidance import SAMPLERS, CosineLogSNR, sample

WORLD = DigitsExact()
EXACT = data(WORLD).oracle.float()
LEVELS = CosineLogSNR(-10.0, 10.0).grid(16)


def test_the_ends_are_the_samples_of_the_seed_and_the_middle_is_another_image():
    made, mixed = between(EXACT, LEVELS, WORLD.shape, 3, torch.tensor([0.0, 0.5, 1.0]), seed=2)
    ends = sample(EXACT, SAMPLERS["ddim"](), LEVELS, torch.tensor([3, 3]), WORLD.shape, seed=2)
    assert torch.allclose(made[[0, 2]], ends, atol=1e-4) and torch.allclose(mixed[[0, 2]], ends, atol=1e-4)
    assert torch.allclose(mixed[1], (ends[0] + ends[1]) / 2, atol=1e-4) and (made[1] - mixed[1]).abs().max() > 0.05


def test_the_density_is_that_of_data_a_pixel():
    x = EXACT.sample(torch.full((500,), 3), torch.Generator().manual_seed(0))
    own, other = nats_per_pixel(EXACT, x, 3), nats_per_pixel(EXACT, x, 1)
    assert own.shape == (500,) and (own > other).float().mean() > 0.99
    single = EXACT.log_prob(x[:1], torch.tensor([60.0]), torch.tensor([3])).item()
    assert math.isclose(own[0].item() * 64, single, rel_tol=1e-4)
