"""Training resumes to the same weights bit for bit, and stops before harm."""

import pytest
import torch
from safetensors.torch import load_file

from experiments.fit import FitConfig, fit, learning_rate_factor
from experiments.problems import Problem

CONFIG = FitConfig(steps=30, batch=8, warmup=5, checkpoint_every=10)


class Stop(Exception):
    """Stands in for a kill."""


def train(partial, config=CONFIG, stop_at=None, poison_at=None):
    """Fits a small network with dropout to noise; the draws of a step depend on (seed, step) alone."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = torch.nn.Sequential(
            torch.nn.Linear(4, 16), torch.nn.Dropout(0.3), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 1)
        )
    calls = []

    def loss(g):
        step = g.initial_seed()
        calls.append(step)
        if step == stop_at:
            raise Stop
        x = torch.randn(8, 4, generator=g)
        return (network(x)[:, 0] - x.sum(1)).square() * (float("nan") if step == poison_at else 1.0)

    return (*fit(network, loss, config, seed=0, partial=partial, title="toy"), calls)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("stop_at", [3, 10, 17, 29])
def test_a_training_that_was_killed_ends_with_the_same_bits(tmp_path, stop_at):
    whole, losses, _ = train(tmp_path / "whole")
    with pytest.raises(Stop):
        train(tmp_path / "cut", stop_at=stop_at)
    resumed, again, calls = train(tmp_path / "cut")
    assert equal(whole, resumed) and losses == again
    assert calls[0] == stop_at // 10 * 10, "at most checkpoint_every steps are lost"


def test_at_most_two_checkpoints_are_kept(tmp_path):
    train(tmp_path, FitConfig(steps=30, batch=8, checkpoint_every=5))
    assert [path.name[:12] for path in sorted(tmp_path.glob("*"))] == ["step-0000020", "step-0000025"]


def test_a_loss_that_is_not_finite_stops_before_harm_and_names_the_step(tmp_path):
    with pytest.raises(Problem, match=r"loss is nan .* at step 17.*step-0000010"):
        train(tmp_path, poison_at=17)
    (kept,) = tmp_path.glob("*")
    assert all(value.isfinite().all() for value in load_file(kept).values())


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:-1], lambda b: b[:-9] + b"\1" + b[-8:]]
)
def test_a_damaged_checkpoint_is_named_and_never_a_silent_fresh_start(tmp_path, damage):
    with pytest.raises(Stop):
        train(tmp_path, stop_at=25)
    newest = max(tmp_path.glob("*"))
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.raises(Problem, match=r"checkpoint .*step-0000020.* delete it"):
        train(tmp_path)
    newest.unlink()
    assert train(tmp_path)[2][0] == 10


def test_the_learning_rate_warms_up_and_comes_to_zero():
    factors = [learning_rate_factor(step, CONFIG) for step in range(31)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0]) and factors[5] == 1.0
    assert factors[30] == pytest.approx(0.0) and factors[5:] == sorted(factors[5:], reverse=True)


def test_the_average_of_the_weights_is_not_the_last_weights(tmp_path):
    ema, _, _ = train(tmp_path)
    fast, _, _ = train(tmp_path / "fast", FitConfig(steps=30, batch=8, warmup=5, ema=0.0))
    assert not torch.allclose(ema["0.weight"], fast["0.weight"], atol=1e-4)
