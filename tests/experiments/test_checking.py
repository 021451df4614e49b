"""The check of a checkpoint says yes to a right adapter of whatever convention, and names what is wrong with a wrong one."""

import pytest
import torch
from exact_foreign import CLASSES, COSINE, LINEAR, Exact, Relabelled, chained, denoiser, exploding, null_is, straight
from torch import nn

from experiments.check_command import check, images_of
from experiments.checking import verdicts
from experiments.checking.measured import measure
from experiments.checking.verdicts import misled
from experiments.levels import Levels, levels_of
from experiments.problems import Problem
from experiments.worlds import data
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians
from guidance import CHAINS, adapters
from guidance.diffusion import from_x

WORLD = DigitsExact()


def checked(network, n=64, seed=0):
    return {verdict.question: verdict for verdict in verdicts(check(denoiser(network), images_of(WORLD, n, seed), WORLD))}


def failed(network, **options):
    return {name for name, verdict in checked(network, **options).items() if verdict.passed is False}


RIGHT = {
    "eps of a chain": lambda: chained(),
    "v of a chain": lambda: chained("v"),
    "x of a chain": lambda: chained("x"),
    "whole t": lambda: chained(whole=True),
    "sigma": lambda: adapters.sigma(Exact(exploding, "x")),
    "flow": lambda: adapters.flow(Exact(straight, "velocity")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_adapter_passes(name):
    assert not failed(RIGHT[name]())


MUTANTS = {  # what is wrong: the network, and the questions that it must fail
    "the other chain": (lambda: chained(chain=COSINE), {"error"}),
    "a chain of the same kind": (lambda: chained(chain=CHAINS["linear"](1000, 0.00085, 0.012)), {"error"}),
    "half of lambda": (lambda: adapters.sigma(Exact(lambda s: exploding(s**0.5), "x")), {"error"}),
    "twice lambda, which is right in the middle": (lambda: adapters.sigma(Exact(lambda s: exploding(s**2), "x")), {"error"}),
    "twice sigma": (lambda: adapters.sigma(Exact(lambda s: exploding(2 * s), "x")), {"error"}),
    "a flow's time backwards": (lambda: adapters.flow(Exact(straight, "velocity"), data_at=1), {"error"}),
    "data in [0, 1]": (lambda: chained(data_range=(0.0, 1.0)), {"range"}),
    "data in [0, 2]": (lambda: adapters.sigma(Exact(exploding, "x"), data_range=(0.0, 2.0)), {"range"}),
    "data of half the size": (lambda: adapters.sigma(Exact(exploding, "x"), data_range=(-0.5, 0.5)), {"range"}),
    "data of twice the size": (lambda: adapters.sigma(Exact(exploding, "x"), data_range=(-2.0, 2.0)), {"range"}),
    "null is the first class": (lambda: null_is(0), {"null"}),
    "null is the last class": (lambda: null_is(CLASSES - 1), {"null"}),
    "null is some class": (lambda: null_is(4), {"null"}),
    "null is the right class": (lambda: Leaking(), {"null"}),
    "labels are one off": (lambda: Relabelled(chained(), off_by_one), {"labels", "null"}),
    "labels do nothing": (lambda: Relabelled(chained(), lambda label: torch.full_like(label, CLASSES)), {"labels", "null"}),
    "v taken for eps": (lambda: chained("v", predicts="eps"), {"error"}),
    "eps taken for v": (lambda: chained("eps", predicts="v"), {"error"}),
    "x taken for eps": (lambda: chained("x", predicts="eps"), {"error"}),
    "eps taken for x": (lambda: chained("eps", predicts="x"), {"error"}),
    "x taken for velocity": (lambda: adapters.flow(Exact(straight, "x")), {"error"}),
    "velocity of the other sign": (lambda: adapters.flow(Negated()), {"error"}),
}


def off_by_one(label):
    return torch.where(label == CLASSES, CLASSES, (label + 1) % CLASSES)


class Negated(Exact):
    def __init__(self):
        super().__init__(straight, "velocity")

    def forward(self, *given):
        return -super().forward(*given)


class Leaking(nn.Module):
    """Its null prediction is that of the label that it was first asked for at this z, which is the right one."""

    def __init__(self):
        super().__init__()
        self.network, self.labels = chained(), {}
        self.conditioned_on, self.output_target = self.network.conditioned_on, self.network.output_target

    def forward(self, z, logsnr, label):
        first = [self.labels.setdefault(row.numpy().tobytes(), own.item()) for row, own in zip(z, label)]
        return self.network(z, logsnr, torch.where(label == CLASSES, torch.tensor(first), label))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_adapter_fails_the_question_that_is_about_it(name):
    make, questions = MUTANTS[name]
    found = failed(make())
    assert questions <= found, found
    assert questions != {"null"} or found == {"null"}


def test_the_reasons_name_what_to_look_at():
    assert "class 4" in checked(null_is(4))["null"].why
    assert "told another lambda" in checked(MUTANTS["twice lambda, which is right in the middle"][0]())["error"].why
    assert "target" in checked(chained("v", predicts="eps"))["error"].why
    assert "data_range" in checked(chained(data_range=(0.0, 1.0)))["range"].why


def spoiled(change, low, high):
    """The exact model whose x is changed between two lambdas."""

    def ask(z, logsnr, label):
        pred = exact(z, logsnr, label)
        inside = low < logsnr[0] < high
        return (
            from_x(z, change(pred.x, torch.randn(z.shape, generator=torch.Generator().manual_seed(0))), logsnr)
            if inside
            else pred
        )

    exact = data(WORLD).oracle.float()
    return ask


SPOILED = {  # each statistic alone, where all others are as they should be
    "eps of nearly pure noise": (spoiled(lambda x, noise: x + 60 * noise, -9, -7), "error", "where z is nearly eps"),
    "worse than the mean image": (spoiled(lambda x, noise: x + 0.5 * noise, -3, -2), "error", "that of the mean image"),
    "an error that rises": (spoiled(lambda x, noise: x + 0.3 * noise, 0.5, 1.2), "error", "rises from lambda -0.9 to 0.9"),
    "worse than z": (spoiled(lambda x, noise: x + 0.015 * noise, 7, 9), "error", "above that of eps^ = 0"),
    "brighter": (spoiled(lambda x, noise: x + 0.15, -9, 2), "range", "standard deviations of the data"),
    "flatter": (spoiled(lambda x, noise: MEAN + 0.5 * (x - MEAN), -9, 2), "range", "has the slope"),
}
MEAN = images_of(WORLD, 500).x.mean(0)


@pytest.mark.parametrize("name", SPOILED)
def test_each_statistic_is_looked_at_by_itself(name):
    model, question, said = SPOILED[name]
    found = verdicts(check(model, images_of(WORLD, 64), WORLD))
    wrong = {verdict.question: verdict.why for verdict in found if not verdict.passed}
    assert said in wrong[question], wrong
    assert len(wrong) == 1 or name == "worse than the mean image"  # whose noise takes from the slope as well


def test_what_is_not_finite_fails_every_question():
    found = verdicts(check(spoiled(lambda x, noise: x * torch.nan, -1, 1), images_of(WORLD, 16), WORLD))
    assert not any(verdict.passed for verdict in found)


@pytest.mark.parametrize("n", [16, 64])
def test_false_alarms_are_rare(n):
    """Of the exact model, whatever images and noise are drawn: none in ten."""
    exact = data(WORLD).oracle.float()
    for seed in range(10):
        found = verdicts(check(exact, images_of(WORLD, n, seed), WORLD, seed=seed))
        assert all(verdict.passed for verdict in found), [str(verdict) for verdict in found]


def test_points_in_the_plane_are_checked_too():
    world = Gaussians()
    found = verdicts(check(data(world).oracle.float(), images_of(world, 64), world))
    assert all(verdict.passed for verdict in found)


def test_the_statistics_are_those_that_the_exact_model_must_have():
    """Errors of the best guess: conditional below null below wrong, falling with lambda; told z's own lambda is best."""
    images = images_of(WORLD, 256)
    exact = data(WORLD).oracle.float()
    with torch.no_grad():
        m = measure(exact, images.x, images.label, CLASSES, levels_of(exact, WORLD.shape))
    assert m.levels.tolist() == pytest.approx(torch.linspace(-8, 8, 10).tolist()) and m.x.shape == (10, 256)
    assert (m.x.mean(1).diff()[1:] < 0).all()
    assert (m.x.mean(1) < m.null.mean(1))[:6].all()  # above, z says what class it is of
    assert (m.null.mean(1) < m.wrong.mean(1))[:7].all()
    assert torch.allclose(m.eps, m.levels.exp()[:, None] * m.x, rtol=1e-3)
    assert m.no_null is None and m.null_is is None and not misled(m)
    assert m.variance == pytest.approx(data(WORLD).oracle.moments()[1].diagonal().mean().item(), rel=0.1)


def test_weights_without_a_null_label_pass_and_are_told_so():
    def labels_only(z, logsnr, label):
        if label is None:
            raise ValueError("trained with labels only")
        return exact(z, logsnr, label)

    exact = data(WORLD).oracle.float()
    found = {verdict.question: verdict for verdict in verdicts(check(labels_only, images_of(WORLD, 32), WORLD))}
    assert found["null"].passed is None and "trained with labels only" in found["null"].why
    assert all(found[name].passed for name in ("error", "labels", "range"))


def test_levels_are_those_of_the_network():
    assert levels_of(denoiser(chained()), WORLD.shape) == Levels(LINEAR.logsnrs[-1].item(), LINEAR.logsnrs[0].item())
    whole = levels_of(denoiser(chained(whole=True)), WORLD.shape)
    wanted = torch.tensor([-30.0, -1.0, 2.0])
    assert torch.isin(whole.nearest(wanted), LINEAR.logsnrs).all() and (whole.nearest(wanted) - wanted)[1:].abs().max() < 0.1
    half = levels_of(denoiser(chained(whole=True, data_range=(0.0, 1.0))), WORLD.shape)
    denoiser(chained(whole=True, data_range=(0.0, 1.0)))(torch.zeros(1, *WORLD.shape), half.nearest(wanted[1:2]).float(), None)
    ours = lambda z, logsnr, label: denoiser(chained(whole=True))(z, logsnr, label)  # noqa: E731  # says nothing of its chain
    assert torch.equal(levels_of(ours, WORLD.shape).known, LINEAR.logsnrs)
    assert whole.grid(torch.tensor([-1.0, -1.0, 2.0])).shape == (2,)
    with pytest.raises(Problem, match="answers neither at every lambda"):
        levels_of(lambda z, logsnr, label: chained(whole=True)(z, 0 * logsnr + 0.123, label), WORLD.shape)
