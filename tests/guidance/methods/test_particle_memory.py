"""Particles that repel each other, a block of pairs at a time."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from guidance.methods import particle_guidance


class Largest(TorchDispatchMode):
    """The most numbers in a tensor that was made."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, (tuple, list)) else (made,):
            self.numbers = max(self.numbers, each.numel() if isinstance(each, torch.Tensor) else 0)
        return made


@pytest.mark.parametrize("n", [2, 37])
def test_particles_repel_block_by_block_as_all_at_once(monkeypatch, n):
    z = torch.randn(n, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = particle_guidance.repulsion(z)
    for most in (5 * n * 30, n * 30, 1):
        monkeypatch.setattr(particle_guidance, "NUMBERS", most)
        with Largest() as held:
            torch.testing.assert_close(particle_guidance.repulsion(z), whole, rtol=1e-12, atol=1e-15)
        assert held.numbers <= max(most, n * 30)
