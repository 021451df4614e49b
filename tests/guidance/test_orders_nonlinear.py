"""The weak order where the denoiser is not affine: a mixture of three Gaussians on a line, by Monte Carlo. Slow.

E f is compared between a grid and the one of twice as many steps, both driven by the same noise: the difference falls with
the same order as the error, and its standard error is ten times smaller. f is x, x^2 and x^4.
"""

import math

import pytest
import torch
from orders import RANGE, Even, slope
from test_orders_mutants import NoExtrapolationSDE

from guidance import Mixture
from guidance.level import alpha_sigma_at
from guidance.samplers import DDIM, DDPM, Ancestral, DPMSolverSDE, Heun, LangevinPC

pytestmark = pytest.mark.slow
TOLERANCE, BATCH = 0.15, 2**14
FEW, MANY, MORE = [48, 96, 192], [64, 128, 256], [128, 256, 512]  # steps
ROWS = [  # a sampler, its steps, their spacing, and how many batches bring the last difference's error below a tenth of it
    (Ancestral(), MANY, Even(), 8),
    (Ancestral(0.0), MANY, Even(), 8),
    (DDPM(), MORE, Even(), 8),  # the h^2 of its error is large: from 64 steps on it would still look like 1.16
    (DDIM(eta=0.5), MANY, Even(), 8),
    (DPMSolverSDE(), FEW, Even(), 32),
    (Heun(churn=10.0), FEW, Even(), 16),
    (LangevinPC(), MANY, RANGE, 8),  # evenly in lambda its errors of first order nearly cancel at strength 1
    (LangevinPC(strength=0.5), MANY, Even(), 8),
]


def t(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


WORLD = Mixture(t(-1.0, 0.8, 0.2)[:, None], t(0.05, 0.1, 0.3)[:, None, None], t(0.3, 0.5, 0.2), torch.tensor([0, 0, 0]))


def powers(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x**2, x**4], 1)


def truth(logsnr: float) -> torch.Tensor:
    """E f of E[x | z] at the last level, by quadrature: what a sampler without error makes."""
    z = torch.linspace(-6, 6, 100_001, dtype=torch.float64)[:, None]
    at = torch.full((len(z),), logsnr, dtype=torch.float64)
    return WORLD.log_prob(z, at).softmax(0) @ powers(WORLD(z, at, None).x)


def pair(sampler, fine: torch.Tensor, n: int, g: torch.Generator) -> list[torch.Tensor]:
    """f of n samples over every second level of `fine`, and over all: each coarse noise is made of the fine two.

    The noise of a reverse step from l to l' is that of a Brownian motion between the times e^l and e^l': hence the
    weights. Any that sum to one in squares would be right; these bring the two samples close.
    """
    alpha, sigma = alpha_sigma_at(fine[0].item())
    z = alpha * WORLD.sample(torch.zeros(n, dtype=torch.long), g) + sigma * torch.randn(n, 1, generator=g, dtype=torch.float64)
    noise = torch.randn(len(fine) - 1, n, 1, generator=g, dtype=torch.float64)
    weight = fine.exp().diff().sqrt()[:, None, None] * noise
    both = (weight[::2] + weight[1::2]) / fine[::2].exp().diff().sqrt()[:, None, None]
    one, other = iter(both), iter(noise)
    coarse = sampler(WORLD, z, fine[::2], None, lambda: next(one))
    return [powers(coarse), powers(sampler(WORLD, z, fine, None, lambda: next(other)))]


def measure(sampler, steps: list[int], density, batches: int):
    """Slope of the norm of the differences; they and their standard errors (3,); what is left of the bias, in such errors.

    That is E f with the most levels, less the truth, less the error that it must still have if the order is right.
    """
    differences, errors = [], []
    for number in steps:
        g = torch.Generator().manual_seed(number)
        runs = [pair(sampler, density.grid(2 * number + 1), BATCH, g) for _ in range(batches)]
        coarse, fine = (torch.cat(parts) for parts in zip(*runs))
        differences.append((coarse - fine).mean(0))
        errors.append((coarse - fine).std(0) / len(fine) ** 0.5)
    still = differences[-1] / (2**sampler.order - 1)
    left = (fine.mean(0) - truth(density.max) - still) / (fine.std(0) / len(fine) ** 0.5)
    return slope(steps, [d.norm().item() for d in differences]), differences, errors, left


@pytest.mark.parametrize(("sampler", "steps", "density", "batches"), ROWS, ids=[str(row[0]) for row in ROWS])
def test_the_order_holds_where_the_denoiser_is_not_affine(sampler, steps, density, batches):
    found, differences, errors, left = measure(sampler, steps, density, batches)
    print(f"\n{sampler}: {found:.3f}", *[[f"{a:.1e}+-{b:.0e}" for a, b in zip(*two)] for two in zip(differences, errors)], left)
    assert errors[-1].norm() < 0.1 * differences[-1].norm()  # or the slope is noise
    assert abs(found - sampler.order) < TOLERANCE, (found, differences, errors)
    assert (left.abs() < 4).all(), left


def test_the_sde_form_without_extrapolation_is_found_out():
    found, differences, errors, _ = measure(NoExtrapolationSDE(), FEW, Even(), 2)
    assert math.isfinite(found) and abs(found - 2) > TOLERANCE, (found, differences, errors)
