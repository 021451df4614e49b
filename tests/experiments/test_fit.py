"""Training resumes to the same weights bit for bit, and stops before harm."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from experiments.problems import Failed, Problem
from experiments.tasks.early_stopping import EarlyStopping
from experiments.tasks.fit import Fit, fit, learning_rate_factor, update_ema
from guidance.seeding import generator

CONFIG = Fit(steps=30, batch=8, warmup=5, checkpoint_every=10)


class Stop(Exception):
    """Stands in for a kill."""


def dense() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Dropout(0.3), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 1))


def convolutional() -> torch.nn.Module:
    layers = torch.nn.Unflatten(1, (1, 2, 2)), torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(6, 5, 2)
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(5, 1))


def train(folder, config=CONFIG, stop_at=None, poison_at=None, build=dense):
    """Fits a small network with dropout to noise; the draws of a step depend on the step alone."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build()
    calls = []

    def loss(g):
        step = g.initial_seed()
        calls.append(step)
        if step == stop_at:
            raise Stop
        x = torch.randn(8, 4, generator=g)
        return (network(x)[:, 0] - x.sum(1)).square() * (float("nan") if step == poison_at else 1.0)

    return (*fit(network, loss, config, torch.Generator().manual_seed, partial=folder, title="toy"), calls)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("stop_at", "build"), [(3, dense), (10, dense), (17, dense), (29, dense), (17, convolutional)])
def test_a_training_that_was_killed_ends_with_the_same_bits(tmp_path, stop_at, build):
    whole, losses, _ = train(tmp_path / "whole", build=build)
    with pytest.raises(Stop):
        train(tmp_path / "cut", stop_at=stop_at, build=build)
    resumed, again, calls = train(tmp_path / "cut", build=build)
    assert equal(whole, resumed) and losses == again
    assert calls[0] == stop_at // 10 * 10, "at most checkpoint_every steps are lost"


def test_at_most_two_checkpoints_are_kept(tmp_path):
    train(tmp_path, Fit(steps=30, batch=8, checkpoint_every=5))
    assert [path.name[:12] for path in sorted(tmp_path.glob("*"))] == ["step-0000020", "step-0000025"]


def test_a_loss_that_is_not_finite_stops_before_harm_and_names_the_step(tmp_path):
    with pytest.raises(Failed, match=r"loss is nan .* at step 17.*step-0000010"):
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
    fast, _, _ = train(tmp_path / "fast", Fit(steps=30, batch=8, warmup=5, ema=0.0))
    assert not torch.allclose(ema["0.weight"], fast["0.weight"], atol=1e-4)


class Line(torch.nn.Module):
    """Weights, and a buffer of each kind, that a test sets from outside."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def at(self, step: int) -> None:
        """Weights that are linear in the step; the average of the buffer is that of its own line, the counter has none."""
        with torch.no_grad():
            self.weight.copy_(torch.tensor([1.0, -2.0]) * step)
            self.mean.copy_(torch.tensor([3.0]) * step)
            self.count.fill_(step)


def test_the_average_of_weights_on_a_line_is_the_one_computed_by_hand():
    """With a constant decay d the average of 1, 2, ..., n lags behind n by d / (1 - d), but for what is left of its beginning."""
    network, decay, n = Line(), 0.9, 12
    ema = {name: held.clone() for name, held in network.state_dict().items()}
    for step in range(1, n + 1):
        network.at(step)
        update_ema(ema, network.state_dict(), decay)
    lag = decay / (1 - decay)
    by_hand = n - lag + lag * decay**n
    assert by_hand == pytest.approx(sum((1 - decay) * decay ** (n - step) * step for step in range(1, n + 1)))
    assert ema["weight"].tolist() == pytest.approx([by_hand, -2 * by_hand], rel=1e-12)
    assert ema["mean"].item() == pytest.approx(3 * by_hand, rel=1e-12) and ema["count"].item() == n
    assert network.weight.tolist() == [n, -2 * n], "the network itself is left alone"


@pytest.mark.parametrize("ema", [0.0, 0.25, 0.999])
def test_what_a_training_returns_is_the_average_with_a_warm_decay(tmp_path, ema):
    """decay of step k: min(ema, (1 + k) / (10 + k)), from the initial weights on; floating buffers averaged, counters copied."""
    network, states = Line(), []
    with torch.no_grad():
        network.weight.copy_(torch.tensor([0.5, -0.5]))

    def loss(g):
        if states:
            states[-1] |= {"weight": network.weight.detach().clone()}  # after the step before
        step = len(states) + 1
        with torch.no_grad():
            network.mean.fill_(3.0 * step)
            network.count.fill_(step)
        states.append({"mean": 3.0 * step, "count": step})
        return (network.weight - torch.tensor([4.0, 1.0])).square().sum().expand(2)

    config = Fit(steps=9, batch=2, lr=0.1, warmup=3, weight_decay=0.0, ema=ema)
    found, _ = fit(network, loss, config, partial(generator, "test", 0), tmp_path, "line")
    states[-1] |= {"weight": network.weight.detach().clone()}
    weight, mean = torch.tensor([0.5, -0.5], dtype=torch.float64), 0.0
    for step, state in enumerate(states):
        decay = min(ema, (1 + step) / (10 + step))
        weight = decay * weight + (1 - decay) * state["weight"]
        mean = decay * mean + (1 - decay) * state["mean"]
    assert found["weight"].tolist() == pytest.approx(weight.tolist(), rel=1e-12)
    assert found["mean"].item() == pytest.approx(mean, rel=1e-12) and found["count"].item() == 9
    last = states[-1]["weight"].tolist()
    assert (found["weight"].tolist() == last) == (ema == 0.0) and last != [0.5, -0.5], "it is the last weights without a decay"


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
        config = Fit(steps=200, lr=0.05, warmup=0, checkpoint_every=5, patience=3, look_every=2)
        return *fit(network, loss, config, partial(generator, "test", 0), folder, "test", stopping), stopping.looks

    whole, losses, looks = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", killed_at=len(losses) - 1)
    again, rest, seen = run(tmp_path / "cut")
    assert len(losses) < 200 and rest == losses and seen == looks
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)
