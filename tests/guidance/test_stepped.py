"""A network of a few steps answers at its own lambdas alone."""

import pytest
import torch

from guidance.law_kit import network
from guidance.stepped import SteppedDenoiser


def test_it_is_the_network_at_its_levels_and_refuses_others():
    plain, label = network(), torch.tensor([0, 1])
    stepped = SteppedDenoiser(plain.network, 3, levels=(-4.0, 0.0, 4.0))
    z = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    at = torch.tensor([0.0, 4.0])
    assert torch.equal(stepped(z, at, label).x, plain(z, at, label).x)
    with pytest.raises(ValueError, match=r"distilled to 3 steps, and knows the 3 levels from -4 to 4, not lambda = 1:"):
        stepped(z, torch.tensor([0.0, 1.0]), label)
