"""Every sampler's order of convergence is the one it declares, and samplers that are wrong are found out."""

import pytest
import torch
from orders import FLOW, NOISY, RANGE, Even, flow_errors, moment_errors, never, slope, weak_order

from guidance import SAMPLERS, Mixture
from guidance.level import alpha_sigma_at, at
from guidance.samplers import DDIM, DPMSolver, DPMSolverSDE, Heun
from guidance.samplers.grid import levels

TOLERANCE = 0.15


@pytest.mark.parametrize("name", FLOW)
@pytest.mark.parametrize("kind", ["plain", "guided"])
def test_a_deterministic_sampler_comes_to_the_flow_with_its_order(name, kind):
    sampler = SAMPLERS[name]()
    errors = flow_errors(sampler, FLOW[name], kind)
    found = slope(FLOW[name], errors)
    assert abs(found - sampler.order) < TOLERANCE, (found, errors)


@pytest.mark.parametrize("sampler", NOISY, ids=str)
def test_the_moments_of_a_stochastic_sampler_converge_with_its_order(sampler):
    found, errors = weak_order(sampler)
    assert abs(found - sampler.order) < TOLERANCE, (found, errors)


def test_every_sampler_is_measured():
    assert {*FLOW, *(sampler.name for sampler in NOISY)} == set(SAMPLERS)
    assert all(sampler.stochastic for sampler in NOISY) and not any(SAMPLERS[name]().stochastic for name in FLOW)


class Euler(Heun):
    """Heun without its correction, which still says that its order is two."""

    def __call__(self, denoiser, z, logsnrs, label, noise):
        return DDIM()(denoiser, z, logsnrs, label, noise)


class WrongRatio(DPMSolver):
    """2M with the extrapolation a quarter of the difference for steps of any ratio."""

    def __call__(self, denoiser, z, logsnrs, label, noise):
        values, before = levels(logsnrs), None
        for logsnr, next_logsnr in zip(values, values[1:]):
            x = denoiser(z, at(logsnr, z), label).x
            z, before = self._step(z, x if before is None else x + (x - before) / 4, logsnr, next_logsnr, noise), x
        return denoiser(z, at(values[-1], z), label).x


@pytest.mark.parametrize("wrong", [Euler, WrongRatio])
def test_a_solver_without_its_second_order_term_is_found_out(wrong):
    errors = flow_errors(wrong(), [64, 128, 256])
    assert abs(slope([64, 128, 256], errors) - wrong.order) > TOLERANCE


class TooQuiet(DPMSolverSDE):
    """The noise of every step a tenth too small."""

    def _step(self, z, x, logsnr, next_logsnr, noise):
        return super()._step(z, x, logsnr, next_logsnr, lambda: 0.9 * noise())


def test_a_stochastic_solver_with_the_wrong_noise_is_found_out():
    assert abs(slope([64, 128, 256], moment_errors(TooQuiet(), [64, 128, 256], Even())) - 2) > TOLERANCE


def test_the_reference_of_the_orders_is_the_exact_flow_of_a_gaussian():
    one = torch.ones(1, dtype=torch.float64)
    world = Mixture(0.3 * one[None], 0.09 * one[None, None], one, torch.tensor([0]))
    z = torch.tensor([[-1.5], [0.2], [2.0]], dtype=torch.float64)
    (a, s), (b, t) = alpha_sigma_at(-10.0), alpha_sigma_at(10.0)
    last = b * 0.3 + ((b**2 * 0.09 + t**2) / (a**2 * 0.09 + s**2)) ** 0.5 * (z - a * 0.3)  # the standardised value is kept
    exact = world(last, torch.full((3,), 10.0, dtype=torch.float64), None).x
    torch.testing.assert_close(Heun()(world, z, RANGE.grid(4096), None, never), exact, rtol=0, atol=2e-6)
