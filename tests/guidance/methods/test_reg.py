"""Rectified gradient guidance, against Gaussians whose Jacobian is known; what it reads, and what it costs."""

import pytest
import torch
from closed_forms import given, near, plane

from guidance import METHODS
from guidance.cost import NFE, count
from guidance.diffusion import alpha_sigma
from guidance.scale import logsnr_at

SPREAD = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)  # of every class of `plane`


def factor(logsnr, z):
    """alpha d sum(x) / dz of N(m, SPREAD), whatever m: alpha^2 SPREAD (alpha^2 SPREAD + sigma^2 I)^-1, its columns summed."""
    alpha, sigma = (one[:, :, None] for one in alpha_sigma(logsnr, z))
    spread = alpha**2 * SPREAD
    return (spread @ torch.linalg.inv(spread + sigma**2 * torch.eye(2, dtype=torch.float64))).sum(1)


def test_the_update_is_multiplied_by_the_column_sums_of_the_jacobian():
    world, (z, logsnr, label) = plane(), given()
    cond, null = world(z, logsnr, label), world(z, logsnr, None)
    found = METHODS["reg"](w=1.5)(world)(z, logsnr, label)
    near(found.x, cond.x + 1.5 * factor(logsnr, z) * (cond.x - null.x), 1e-8)
    near(found.eps, cond.eps + 1.5 * factor(logsnr, z) * (cond.eps - null.eps), 1e-8)
    assert (factor(logsnr, z) - factor(logsnr, z).mean(1, keepdim=True)).abs().max() > 0.04, "a number of its own for each"


def test_the_factor_in_eps_is_the_same_number():
    """As the authors' DiT sampler has it: 1 - sigma d sum(eps) / dz, here by central differences."""
    world, (z, logsnr, label) = plane(), given()
    sigma, h = alpha_sigma(logsnr, z)[1], 1e-5
    steps = h * torch.eye(2, dtype=torch.float64)
    up, down = ([world(z + sign * step, logsnr, label).eps.sum(1) for step in steps] for sign in (1, -1))
    slope = torch.stack([(a - b) / (2 * h) for a, b in zip(up, down)], 1)
    near(1 - sigma * slope, factor(logsnr, z), 1e-7)


def test_where_there_is_no_noise_it_is_classifier_free_guidance():
    world, (z, logsnr, label) = plane(), given(logsnr=22.0)
    cond, null, found = world(z, logsnr, label), world(z, logsnr, None), METHODS["reg"](w=1.5)(world)(z, logsnr, label)
    near(found.eps, cond.eps + 1.5 * (cond.eps - null.eps), 1e-6)


@pytest.mark.parametrize(("schedule", "share"), [("cosine", 1 + 2**-0.5), ("power-cosine", None), ("linear", 1.5)])
def test_it_goes_on_top_of_a_schedule_and_a_window(schedule, share):
    world, (z, logsnr, label) = plane(), given(logsnr=logsnr_at(0.75))
    share = share or (1 - torch.cos(torch.tensor(torch.pi * 0.75**4, dtype=torch.float64))).item() / 2
    found, plain = (
        METHODS["reg"](w=w, schedule=name)(world)(z, logsnr, label) for w, name in ((1.0, schedule), (share, "constant"))
    )
    near(found.eps, plain.eps, 1e-6)
    outside = METHODS["reg"](w=1.0, logsnr_max=logsnr_at(0.7))(world)(z, logsnr, label)
    near(outside.eps, world(z, logsnr, label).eps)
    assert METHODS["reg"](w=1.0, logsnr_max=0.0).nfe([-1.0, 1.0]) == NFE(denoiser_forward=3, denoiser_backward=1)


def test_on_top_of_autoguidance_the_reference_is_the_weak_network_with_the_same_label():
    world, (z, logsnr, label) = plane(), given()
    weak = world.widened(0.5)
    with count(world, weak=weak) as counted:
        found = METHODS["reg-autoguidance"](w=2.0)(world, weak)(z, logsnr, label)
    cond, bad = world(z, logsnr, label), weak(z, logsnr, label)
    near(found.x, cond.x + 2.0 * factor(logsnr, z) * (cond.x - bad.x), 1e-8)
    assert counted.per_sample(len(z)) == NFE(denoiser_forward=1, denoiser_backward=1, weak_forward=1)
