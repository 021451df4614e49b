"""Averages by a power function: their exponents, tracking, reconstruction after training, and resumption to the same bits."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from experiments.tasks.fit import Fit, fit
from experiments.tasks.power_ema import (
    LONGEST,
    Averages,
    average_file,
    beta,
    coefficients,
    combined,
    gamma_of,
    misfit,
    profile,
    sigma_of,
)
from guidance.seeding import generator

STEPS, EVERY = 60, 10


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.1, 0.2, 0.288])
def test_the_exponent_has_the_standard_deviation_asked_for(sigma):
    gamma = gamma_of(sigma)
    assert sigma_of(gamma) == pytest.approx(sigma, rel=1e-9) and gamma > 0
    u = (np.arange(200_000) + 0.5) / 200_000
    weights = (gamma + 1) * u**gamma / 200_000
    mean = (weights * u).sum()
    assert np.sqrt((weights * (u - mean) ** 2).sum()) == pytest.approx(sigma, rel=1e-3), "by integration"


def test_known_exponents():
    """Of sigma_rel 0.05 and 0.10: 16.97 and 6.94; exponent 0 is the plain mean."""
    assert gamma_of(0.05) == pytest.approx(16.97, abs=0.01) and gamma_of(0.1) == pytest.approx(6.94, abs=0.01)
    assert sigma_of(0.0) == pytest.approx(LONGEST)
    for sigma in (0.0, -0.1, LONGEST, 0.5):
        with pytest.raises(ValueError, match="sigma_rel is above 0 and below 0.2887"):
            gamma_of(sigma)


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_updates_step_by_step_have_the_profile_s_weights(sigma):
    weights = np.zeros(25)
    for step in range(1, 26):
        kept = beta(sigma, step)
        weights *= kept
        weights[step - 1] += 1 - kept
    assert weights == pytest.approx(profile(sigma, 25, 25), abs=1e-14) and weights.sum() == pytest.approx(1)
    assert profile(sigma, 10, 25)[10:].max() == 0 and beta(sigma, 1) == 0


TRACKED = Averages(sigmas=(0.05, 0.1), every=EVERY)


def walk(folder, averages=TRACKED, stop_at=None):
    """A training of a small network, the weights after each of its steps, and its average."""
    torch.manual_seed(0)
    network, after = torch.nn.Linear(3, 2), []

    def loss(g):
        if after or network.weight.grad is not None:
            after.append(network.weight.detach().clone().double())
        if len(after) == stop_at:
            raise KeyboardInterrupt
        x = torch.randn(8, 3, generator=g)
        return (network(x) - x[:, :2]).square().sum(1)

    config = Fit(steps=STEPS, batch=8, lr=0.05, warmup=5, checkpoint_every=25, averages=averages)
    ema, losses = fit(network, loss, config, partial(generator, "test", 0), folder, "walk")
    return [*after, network.weight.detach().clone().double()], ema, losses


def test_any_average_is_rebuilt_from_two_that_were_tracked(tmp_path):
    path, _, _ = walk(tmp_path)
    assert len(path) == STEPS
    kept = Averages(every=EVERY).kept(STEPS)
    states = [load_file(tmp_path / average_file(*one)) for one in kept]
    for (sigma, step), state in zip(kept, states):
        direct = sum(share * weight for share, weight in zip(profile(sigma, step, step), path))
        assert torch.allclose(state["weight"].double(), direct, atol=1e-6), "what is tracked"
    spread = torch.stack(path).std(0).mean()
    for sigma, step, within in ((0.05, 60, 1e-6), (0.075, 60, 1e-3), (0.1, 40, 1e-6), (0.15, 60, 2e-2), (0.2, 60, 0.1)):
        direct = sum(share * weight for share, weight in zip(profile(sigma, step, step), path))
        shares = coefficients(kept, sigma, step)
        rebuilt = combined(states, list(shares))["weight"].double()
        assert (rebuilt - direct).abs().max() < within * spread + 1e-6
        assert shares.sum() == pytest.approx(1)
    nearest = next(state for one, state in zip(kept, states) if one == (0.1, 60))
    target = sum(share * weight for share, weight in zip(profile(0.15, 60, 60), path))
    assert (nearest["weight"].double() - target).abs().max() > 0.05 * spread, "the nearest that was tracked is another"


def test_more_that_is_kept_rebuilds_better():
    errors = [misfit(Averages(every=every).kept(240), 0.15, 240) for every in (80, 40, 20, 10)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01
    assert misfit(Averages(every=10).kept(240), 0.1, 235) > 0.5, "after the last that was kept there is nothing to rebuild from"
    assert misfit(Averages(every=10).kept(240), 0.1, 230) < 1e-9


def test_averages_change_nothing_of_a_training_and_survive_a_kill(tmp_path):
    plain = walk(tmp_path / "plain", averages=None)
    whole = walk(tmp_path / "whole")
    assert plain[2] == whole[2] and all(torch.equal(held, whole[1][name]) for name, held in plain[1].items())
    with pytest.raises(KeyboardInterrupt):
        walk(tmp_path / "cut", stop_at=38)
    resumed = walk(tmp_path / "cut")
    assert resumed[2] == whole[2]
    files = sorted(path.name for path in (tmp_path / "whole").glob("average-*"))
    assert len(files) == 12 and files == sorted(path.name for path in (tmp_path / "cut").glob("average-*"))
    assert all((tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes() for name in files)


def test_what_cannot_be_kept_or_rebuilt_is_refused():
    with pytest.raises(ValueError, match="averages.every: 70 is beyond the last step, 60"):
        Fit(steps=60, averages=Averages(every=70))
    with pytest.raises(ValueError, match="averages: with patience"):
        Fit(steps=60, patience=2, averages=Averages(every=10))
    with pytest.raises(ValueError, match="less than 0.288"):
        Averages(sigmas=(0.3,), every=1)
    with pytest.raises(ValueError, match="no average was kept by step 5: the first is of step 10"):
        coefficients(Averages(every=10).kept(60), 0.1, 5)
    assert Fit(steps=25, averages=Averages(sigmas=(0.1,), every=10)).kept == [average_file(0.1, step) for step in (10, 20, 25)]
