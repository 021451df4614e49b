"""Spherical interpolation keeps the ends, the length and even steps of the angle."""

import math

import pytest
import torch

from guidance.interpolation import slerp


def test_ends_length_and_angle():
    first, second = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
    found = slerp(first, second, torch.tensor([0.0, 1 / 3, 1.0]))
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[2], second)
    torch.testing.assert_close(found[1], 2 * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6), 0.0]))


def test_images_keep_their_shape():
    first, second = torch.randn(2, 1, 4, 4)
    assert slerp(first, second, torch.linspace(0, 1, 5)).shape == (5, 1, 4, 4)


@pytest.mark.parametrize("factor", [1.0, -2.0])
def test_parallel_latents_are_refused(factor):
    first = torch.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="parallel"):
        slerp(first, factor * first, torch.tensor([0.5]))
