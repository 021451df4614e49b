"""Samplers that are wrong in the ways that samplers are wrong: none has the order that it declares."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from orders import FLOW, NOISY, flow_errors, slope, weak_order

from guidance.level import alpha_sigma_at, at
from guidance.samplers import DDIM, DPMSolver
from guidance.samplers.dpm_solver import DPMSolverSDE
from guidance.samplers.grid import levels

TOLERANCE = 0.15


class OldSigma(DDIM):
    """A first-order sampler with one mistake: every step leaves the noise as large as it was."""

    def __call__(self, denoiser, z, logsnrs, label, noise):
        values = levels(logsnrs)
        for logsnr, next_logsnr in zip(values, values[1:]):
            pred = denoiser(z, at(logsnr, z), label)
            z = alpha_sigma_at(next_logsnr)[0] * pred.x + alpha_sigma_at(logsnr)[1] * pred.eps
        return denoiser(z, at(values[-1], z), label).x


class NoExtrapolation(DPMSolver):
    """2M with D = x at every step."""

    def __call__(self, denoiser, z, logsnrs, label, noise):
        values = levels(logsnrs)
        for logsnr, next_logsnr in zip(values, values[1:]):
            z = self._step(z, denoiser(z, at(logsnr, z), label).x, logsnr, next_logsnr, noise)
        return denoiser(z, at(values[-1], z), label).x


class NoExtrapolationSDE(NoExtrapolation, DPMSolverSDE):
    """Its SDE form with D = x at every step."""


@pytest.mark.parametrize("wrong", [OldSigma, NoExtrapolation])
def test_a_deterministic_sampler_that_is_wrong_is_found_out(wrong):
    steps = FLOW[wrong.name]
    assert abs(slope(steps, flow_errors(wrong(), steps)) - wrong.order) > TOLERANCE


@dataclass(frozen=True)
class Quiet:
    """Any sampler with the noise of every draw a tenth too small."""

    sampler: Any

    @property
    def name(self) -> str:
        return self.sampler.name

    def __call__(self, denoiser, z, logsnrs, label, noise):
        return self.sampler(denoiser, z, logsnrs, label, lambda: 0.9 * noise())


@pytest.mark.parametrize("wrong", [*map(Quiet, NOISY), NoExtrapolationSDE()], ids=str)
def test_a_stochastic_sampler_that_is_wrong_is_found_out(wrong):
    declared = (wrong.sampler if isinstance(wrong, Quiet) else wrong).order
    assert abs(weak_order(wrong)[0] - declared) > TOLERANCE


def test_without_extrapolation_the_flow_is_ddims_to_the_last_digits():
    found, wanted = (torch.tensor(flow_errors(sampler, [64])) for sampler in (NoExtrapolation(), DDIM()))
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=0)
