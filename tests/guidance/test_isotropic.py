"""A mixture of round classes by matrix products against the general one, and against formulas of one and of two classes."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from guidance import METHODS, Mixture
from guidance.diffusion import alpha_sigma
from guidance.isotropic import Isotropic
from guidance.samplers.ddim import DDIM

MEANS = torch.tensor([[1.0, 0.5, 0.0], [-1.0, 0.2, 0.3], [0.0, -2.0, 1.0]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


@pytest.mark.parametrize("value", [-20.0, -3.0, 0.0, 4.0, 20.0])
@pytest.mark.parametrize("d", [1, 3])
def test_it_is_the_general_mixture(value, d):
    means = MEANS[:, :d]
    fast, covariances = Isotropic(means, 0.7, WEIGHTS), 0.49 * torch.eye(d, dtype=torch.float64).expand(3, d, d)
    slow = Mixture(means, covariances, WEIGHTS, torch.arange(3))
    z, logsnr = 2 * torch.randn(30, d, dtype=torch.float64), torch.full((30,), value, dtype=torch.float64)
    for label in (None, torch.arange(30) % 3):
        for mine, theirs in zip(fast(z, logsnr, label)[:2], slow(z, logsnr, label)[:2]):
            torch.testing.assert_close(mine, theirs)
        torch.testing.assert_close(fast.log_prob(z, logsnr, label), slow.log_prob(z, logsnr, label))
    torch.testing.assert_close(fast.class_logits(z, logsnr), slow.class_logits(z, logsnr))
    for mine, theirs in zip(fast.moments(1), slow.moments(1)):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(fast.widened(0.5)(z, logsnr, None).x, slow.widened(0.5)(z, logsnr, None).x)


def test_what_is_no_mixture_is_named():
    with pytest.raises(ValueError, match="std must be positive"):
        Isotropic(MEANS, 0.0)
    with pytest.raises(ValueError, match="3 dimensions"):
        Isotropic(MEANS, 1.0)(torch.zeros(2, 4), torch.zeros(2), None)
    with pytest.raises(ValueError, match="label"):
        Isotropic(MEANS, 1.0)(torch.zeros(2, 3), torch.zeros(2), torch.tensor([0, 3]))


def test_of_one_class_guidance_changes_nothing():
    one = Isotropic(MEANS[:1], 0.7)
    z, logsnr, label = (
        torch.randn(8, 3, dtype=torch.float64),
        torch.zeros(8, dtype=torch.float64),
        torch.zeros(8, dtype=torch.long),
    )
    torch.testing.assert_close(METHODS["classifier-free"](w=7.0)(one)(z, logsnr, label).x, one(z, logsnr, None).x)


def test_of_two_classes_the_dimension_by_itself_changes_nothing():
    """Guided along m at equal |m| the field in nine dimensions is the one in one, and across m it is the plain class's."""
    wide, line = (
        Isotropic(torch.full((1, d), d**-0.5, dtype=torch.float64) * torch.tensor([[1.2], [-1.2]]), 0.7) for d in (9, 1)
    )
    z, logsnr = torch.randn(40, 9, dtype=torch.float64), torch.linspace(-6, 6, 40, dtype=torch.float64)
    label, along = torch.arange(40) % 2, torch.full((9,), 1 / 3, dtype=torch.float64)
    method = METHODS["classifier-free"](w=2.5)
    guided, alone = method(wide)(z, logsnr, label).x, method(line)((z @ along)[:, None], logsnr, label).x
    torch.testing.assert_close((guided @ along)[:, None], alone)
    plain = wide(z, logsnr, label).x
    torch.testing.assert_close(guided - (guided @ along)[:, None] * along, plain - (plain @ along)[:, None] * along)


@pytest.mark.parametrize("w", [0.0, 2.0])
def test_the_guided_flow_of_two_classes_on_a_line_is_that_of_its_own_formula(w):
    """scipy's integration of d z / d lambda with the score written out by hand, and the sampler's thousand steps."""
    m, s, low, high, start = 1.0, 0.6, -8.0, 8.0, np.array([-1.5, -0.2, 0.4, 2.0])

    def slope(logsnr: float, z: np.ndarray) -> np.ndarray:
        alpha, sigma = math.sqrt(1 / (1 + math.exp(-logsnr))), math.sqrt(1 / (1 + math.exp(logsnr)))
        total = (alpha * s) ** 2 + sigma**2
        cond, share = (alpha * m - z) / total, 1 / (1 + np.exp(-2 * alpha * m * z / total))
        null = (alpha * m * (2 * share - 1) - z) / total
        score = (1 + w) * cond - w * null
        return 0.5 * sigma**2 * (z + score)  # the flow of d z = -z/2 dt + dW with alpha^2 = e^-t: dt = -sigma^2 d lambda

    ends = solve_ivp(slope, (low, high), start, rtol=1e-9, atol=1e-9).y[:, -1]
    world = Isotropic(torch.tensor([[m], [-m]], dtype=torch.float64), s)
    levels, label = torch.linspace(low, high, 1000, dtype=torch.float64), torch.zeros(4, dtype=torch.long)
    found = DDIM()(METHODS["classifier-free"](w=w)(world), torch.from_numpy(start)[:, None], levels, label, lambda: None)
    alpha, _ = alpha_sigma(torch.tensor([high], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64))
    np.testing.assert_allclose(found[:, 0], ends / float(alpha), atol=0.02)
