"""Momentum guidance: its equations by hand, and the numerical method that it is without an average."""

import math

import pytest
import torch
from four_classes import LABEL, WORLD, points

from guidance import METHODS
from guidance.diffusion import alpha_sigma, from_x
from guidance.level import at
from guidance.samplers import SAMPLERS

C = 0.3  # variance of the Gaussian whose flow is known


def gaussian(z, logsnr, label):
    """The exact denoiser of N(0, C I)."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return from_x(z, alpha * C / (alpha**2 * C + sigma**2) * z, logsnr)


def levels(steps, first=0.1, last=0.9):
    """Lambdas that are even in the time t = alpha / (alpha + sigma) of a rectified flow."""
    t = torch.linspace(first, last, steps + 1, dtype=torch.float64)
    return 2 * (t / (1 - t)).log()


def flow(z, logsnr):
    """z as a rectified flow has it: t x + (1 - t) eps."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return z / (alpha + sigma)


def path(denoiser, steps, z, label=None):
    """The states of DDIM at every level, in the flow's coordinates."""
    seen = []

    def spying(z, logsnr, label):
        seen.append(flow(z, logsnr))
        return denoiser(z, logsnr, label)

    SAMPLERS["ddim"]()(spying, z, levels(steps), label, lambda: pytest.fail("drawn"))
    return seen


def test_each_step_is_that_of_the_papers_equations():
    """Euler in the flow's own time, the velocity taken from the posterior mean alone: nothing of the method's arithmetic."""
    w, decay, steps = 0.7, 0.6, 6
    z, _ = points()
    found = path(METHODS["momentum"](w=w, decay=decay)(WORLD), steps, z, LABEL)
    t = torch.linspace(0.1, 0.9, steps + 1, dtype=torch.float64).tolist()
    state, memory = found[0], None
    for i, (now, then) in enumerate(zip(t[:-1], t[1:])):
        scale = math.sqrt(now**2 + (1 - now) ** 2)
        x = WORLD(state / scale, at(2 * math.log(now / (1 - now)), z), LABEL).x
        v = (x - state) / (1 - now)
        memory = v if memory is None else memory
        state = state + (then - now) * (v + w * (v - memory))
        memory = (1 - decay) * v + decay * memory
        torch.testing.assert_close(found[i + 1], state, rtol=1e-8, atol=1e-9)


def test_half_a_weight_without_an_average_is_the_method_of_adams_and_bashforth():
    """Of order two, where DDIM is of order one; by the exact flow of a Gaussian. (The first step, Euler's, costs no order.)"""
    z, first = points(levels(1)[0].item())[0], levels(1)[0].item()
    start = flow(z, at(first, z))
    exact = start * math.sqrt((0.9**2 * C + 0.1**2) / (0.1**2 * C + 0.9**2))

    def order(w):
        denoiser = METHODS["momentum"](w=w, decay=0.0)
        errors = [(path(denoiser(gaussian), steps, z)[-1] - exact).norm().item() for steps in (40, 80, 160)]
        return [math.log2(one / other) for one, other in zip(errors, errors[1:])]

    assert order(0.5) == pytest.approx([2, 2], abs=0.12)
    assert order(0.0) == pytest.approx([1, 1], abs=0.1)
    assert order(0.3) == pytest.approx([1, 1], abs=0.2), "any other weight is worth no order"


def test_the_first_call_is_the_plain_model_and_a_long_average_forgets_slowly():
    z, level = points()
    guided = METHODS["momentum"](w=3.0, decay=0.9)(WORLD)
    plain = WORLD(z, level, LABEL)
    torch.testing.assert_close(guided(z, level, LABEL).x, plain.x)
    moved = WORLD(z + 1, level, LABEL)
    velocity, before = moved.x - moved.eps, plain.x - plain.eps
    second = guided(z + 1, level, LABEL)
    torch.testing.assert_close(second.x - second.eps, velocity + 3.0 * (velocity - before))
    third = guided(z + 1, level, LABEL)
    torch.testing.assert_close(third.x - third.eps, velocity + 3.0 * (velocity - (0.1 * velocity + 0.9 * before)))


def test_normalised_the_average_has_the_norm_of_the_velocity():
    z, level = points()
    models = iter([1.0, -4.0])

    def model(z, logsnr, label):
        alpha, sigma = alpha_sigma(logsnr, z)
        velocity = torch.full_like(z, next(models))
        return from_x(z, (z + sigma * velocity) / (alpha + sigma), logsnr)

    guided = METHODS["momentum"](w=1.0, normalise=True)(model)
    guided(z, level, LABEL)
    pred = guided(z, level, LABEL)
    torch.testing.assert_close(pred.x - pred.eps, torch.full_like(z, -4.0 + (-4.0 - 4.0)))


def test_a_decay_that_never_forgets_is_refused():
    with pytest.raises(ValueError, match="decay must lie in"):
        METHODS["momentum"](decay=1.0)
