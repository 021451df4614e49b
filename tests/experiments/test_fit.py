"""Training resumes to the same weights bit for bit, and stops before harm."""

import pytest
import torch
from safetensors.torch import load_file

from experiments.early_stopping import EarlyStopping
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


def test_early_stopping_keeps_the_best_and_ends_after_its_patience():
    looked = iter([3.0, 1.0, 2.0, 1.0, 5.0])
    stopping = EarlyStopping(lambda state: next(looked), every=10, patience=3)
    over = []
    for step in range(1, 51):
        stopping.look(step, {"weight": torch.tensor(float(step))})
        over.append(stopping.over)
    assert stopping.looks == [3.0, 1.0, 2.0, 1.0, 5.0] and stopping.best["weight"] == 20.0
    assert over.index(True) == 49, "three looks after the best one"


def test_a_training_that_stops_early_gives_the_same_weights_after_a_kill(tmp_path):
    def run(folder, killed_at=None):
        network = torch.nn.Linear(2, 1)
        torch.nn.init.ones_(network.weight), torch.nn.init.zeros_(network.bias)
        steps = []

        def loss(g):
            steps.append(0)
            if len(steps) == killed_at:
                raise KeyboardInterrupt
            return network(torch.randn(8, 2, generator=g)).square()[:, 0]

        stopping = EarlyStopping(lambda state: abs(state["weight"].abs().sum().item() - 1.0), every=2, patience=3)
        config = FitConfig(steps=200, lr=0.05, warmup=0, checkpoint_every=5, patience=3, look_every=2)
        return *fit(network, loss, config, 0, folder, "test", stopping), stopping.looks

    whole, losses, looks = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", killed_at=len(losses) - 1)
    again, rest, seen = run(tmp_path / "cut")
    assert len(losses) < 200 and rest == losses and seen == looks
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)
