"""One or two steps of each sampler against its paper's formula, written out with alpha, sigma and the half log-SNR."""

import math

import pytest
import torch
from worlds import mixture

from guidance.samplers import AnnealedLangevin, DPMSolver, DPMSolverSDE, Heun, LangevinPC

GRID = [-1.0, 0.2, 0.7]  # steps of different lengths
LABEL = torch.arange(6) % 3


def draws(count: int, seed: int = 0) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(6, 2, generator=g, dtype=torch.float64) for _ in range(count)]


def a_s(logsnr: float) -> tuple[float, float]:
    return (1 + math.exp(-logsnr)) ** -0.5, (1 + math.exp(logsnr)) ** -0.5


def predict(z, logsnr: float):
    return mixture()(z, torch.full((6,), logsnr, dtype=torch.float64), LABEL)


def last_z(sampler, z, grid, noises=()):
    """The z of the last denoiser call: where the steps have come to."""
    seen, given = [], iter(noises)

    def denoiser(z, logsnr, label):
        seen.append(z)
        return mixture()(z, logsnr, label)

    sampler(denoiser, z, torch.tensor(grid, dtype=torch.float64), LABEL, lambda: next(given))
    assert next(given, None) is None  # every noise was used
    return seen[-1]


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def heun_by_hand(y, s, after, a_after):
    """y after one step of EDM's Algorithm 2 from noise level s to `after`, with the slope (y - x) / s at both ends."""
    x = predict(y * a_s(-2 * math.log(s))[0], -2 * math.log(s)).x
    slope = (y - x) / s
    there = y + (after - s) * slope
    slope_there = (there - predict(a_after * there, -2 * math.log(after)).x) / after
    return y + (after - s) * (slope + slope_there) / 2


def test_heun_is_edms_second_order_step():
    (z,), (now, then) = draws(1), GRID[:2]
    y = heun_by_hand(z / a_s(now)[0], math.exp(-now / 2), math.exp(-then / 2), a_s(then)[0])
    close(last_z(Heun(), z, GRID[:2]), a_s(then)[0] * y)


def test_churn_is_edms_from_the_second_level_to_the_last():
    (z, *noises), levels = draws(3), [-3.0, 0.2, 0.7]  # far enough apart for churn not to reach the first level
    sampler, gamma = Heun(churn=0.6, churn_noise=1.1), 0.6 / 3  # three levels: two steps and EDM's last, to s = 0
    s = [math.exp(-logsnr / 2) for logsnr in levels]
    y = heun_by_hand(z / a_s(levels[0])[0], s[0], s[1], a_s(levels[1])[0])
    more = [s_i * (1 + gamma) for s_i in s]
    y = y + 1.1 * math.sqrt(more[1] ** 2 - s[1] ** 2) * noises[0]
    y = heun_by_hand(y, more[1], s[2], a_s(levels[2])[0]) + 1.1 * math.sqrt(more[2] ** 2 - s[2] ** 2) * noises[1]
    close(last_z(sampler, z, levels, noises), a_s(-2 * math.log(more[2]))[0] * y)


def test_gamma_is_at_most_root_two_minus_one():
    z, *noises = draws(3)
    grid = [-3.0, 0.2, 0.7]
    most = Heun(churn=3 * (math.sqrt(2) - 1))
    assert torch.equal(last_z(Heun(churn=100.0), z, grid, noises), last_z(most, z, grid, noises))


@pytest.mark.parametrize("kind", [DPMSolver, DPMSolverSDE])
def test_the_steps_of_dpm_solver_are_its_papers(kind):
    z, *noises = draws(3)
    wanted, before, h_before = z, None, None
    for now, then, noise in zip(GRID, GRID[1:], noises):
        (a, s), (b, t), h = a_s(now), a_s(then), (then - now) / 2
        assert math.log(b / t) - math.log(a / s) == pytest.approx(h)
        x = predict(wanted, now).x
        r = math.inf if before is None else h_before / h
        d = x if before is None else (1 + 1 / (2 * r)) * x - 1 / (2 * r) * before
        if kind is DPMSolver:
            wanted = t / s * wanted - b * (math.exp(-h) - 1) * d
        else:
            wanted = t / s * math.exp(-h) * wanted + b * (1 - math.exp(-2 * h)) * d + t * math.sqrt(1 - math.exp(-2 * h)) * noise
        before, h_before = x, h
    close(last_z(kind(), z, GRID, noises if kind is DPMSolverSDE else []), wanted)


def test_predictor_and_corrector():
    z, *noises = draws(3)
    (now, then), pred = GRID[:2], predict(z, GRID[0])
    b, t = a_s(then)
    wanted = b * pred.x + t * pred.eps
    delta = 0.8 * (1 - math.exp(now - then)) * t**2
    for noise in noises:
        wanted = wanted + delta / 2 * (-predict(wanted, then).eps / t) + math.sqrt(delta) * noise
    close(last_z(LangevinPC(corrections=2, strength=0.8), z, GRID[:2], noises), wanted)


def test_annealed_langevin_moves_at_every_level_and_keeps_y():
    z, *noises = draws(3)
    (a, s), (b, t) = map(a_s, GRID[:2])
    wanted = z + 0.3 * s**2 / 2 * (-predict(z, GRID[0]).eps / s) + math.sqrt(0.3) * s * noises[0]
    wanted = b * (wanted / a)
    wanted = wanted + 0.3 * t**2 / 2 * (-predict(wanted, GRID[1]).eps / t) + math.sqrt(0.3) * t * noises[1]
    close(last_z(AnnealedLangevin(corrections=1, step=0.3), z, GRID[:2], noises), wanted)
