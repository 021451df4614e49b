"""The velocity of a rectified flow, in which its corrections are done."""

import pytest
import torch

from guidance import METHODS
from guidance.diffusion import Prediction, alpha_sigma
from guidance.spaces import from_space, to_space

LABEL = torch.zeros(1, dtype=torch.long)


@pytest.mark.parametrize("logsnr", [-20.0, -3.0, 0.0, 4.0, 20.0])
def test_the_velocity_is_that_of_the_flow_and_says_the_same_prediction(logsnr):
    """x_t = t x + (1 - t) eps, of which z / (alpha + sigma) is a point, has dx_t / dt = x - eps."""
    x, eps = torch.tensor([[0.5, -0.4, 0.9]]), torch.tensor([[-1.2, 0.1, 0.6]])
    level = torch.tensor([logsnr])
    alpha, sigma = alpha_sigma(level, x)
    z = alpha * x + sigma * eps
    velocity = to_space(Prediction(x, eps), "velocity", level)
    torch.testing.assert_close(velocity, x - eps)
    back = from_space(Prediction(z, z), velocity, "velocity", z, level)
    torch.testing.assert_close(back.x, x)
    torch.testing.assert_close(back.eps, eps)


@pytest.mark.parametrize("logsnr", [-20.0, 0.3, 20.0])
def test_the_corrections_of_flow_matching_are_done_in_the_velocity_of_the_flow(logsnr):
    """The papers' formulas in their own u = eps - x and with their scale 1 + w."""
    u_c, u_u = torch.tensor([[1.5, -0.4, 0.2]], dtype=torch.float64), torch.tensor([[0.9, 0.8, -0.3]], dtype=torch.float64)
    z, level = torch.full((1, 3), 0.3, dtype=torch.float64), torch.tensor([logsnr], dtype=torch.float64)
    cond, null = (from_space(Prediction(z, z), -u, "velocity", z, level) for u in (u_c, u_u))
    ratio = (u_c - u_u).norm() / u_u.norm()
    fit = (u_c * u_u).sum() / u_u.norm() ** 2
    expected = {
        "mambo-g": u_u + (1 + 2 * torch.exp(-8 * ratio)) * (u_c - u_u),
        "cfg-zero-star": fit * u_u + 3 * (u_c - fit * u_u),
    }
    for name, wanted in expected.items():
        found = METHODS[name](w=2.0)(lambda z, logsnr, label: null if label is None else cond)(z, level, LABEL)
        torch.testing.assert_close(found.eps - found.x, wanted)
