"""In float32 over all of lambda in [-20, 20] every sampler makes what it makes in float64 of the same noise."""

import pytest
import torch
from worlds import mixture

from guidance import DENSITIES, SAMPLERS

ALL = [SAMPLERS[name]() for name in SAMPLERS] + [SAMPLERS["ddim"](eta=1.0), SAMPLERS["heun"](churn=5.0)]


def made(sampler, density: str, dtype: torch.dtype) -> torch.Tensor:
    g = torch.Generator().manual_seed(6)
    draw = lambda: torch.randn(12, 2, generator=g, dtype=torch.float64).to(dtype)  # noqa: E731
    return sampler(mixture(dtype), draw(), DENSITIES[density]().grid(48), torch.arange(12) % 3, draw)


@pytest.mark.parametrize("density", ["cosine", "uniform"])
@pytest.mark.parametrize("sampler", ALL, ids=str)
def test_float32_is_float64_but_for_its_rounding(sampler, density):
    single, double = (made(sampler, density, dtype) for dtype in (torch.float32, torch.float64))
    assert single.dtype == torch.float32 and single.isfinite().all()
    torch.testing.assert_close(single.double(), double, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("sampler", [one for one in ALL if one.name != "annealed-langevin"], ids=str)  # its steps stay long
def test_levels_that_are_nearly_one_make_no_step(sampler):
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for logsnr in (-20.0, 0.0, 20.0):
        grid = torch.tensor([logsnr, logsnr + 1e-12], dtype=torch.float64)
        x = sampler(mixture(), z, grid, None, lambda: torch.ones_like(z))
        torch.testing.assert_close(x, mixture()(z, grid[:1].expand(4), None).x, rtol=0, atol=1e-4)
