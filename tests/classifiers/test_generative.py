"""The classifier inside a denoiser is the exact p(c | z) where the denoiser is exact; a joint energy model; attacks."""

import math
from itertools import pairwise

import pytest
import torch

from classifiers import HalfUNet, Implicit, JointEnergy
from classifiers.adversarial import attack, robust_accuracy
from classifiers.assess import assess
from classifiers.denoising_errors import errors, renoise, span
from classifiers.joint_energy import joint_loss, langevin
from classifiers.pruned import classify, van_der_corput
from guidance import METHODS, Mixture
from guidance.diffusion import add_noise
from guidance.gradients import log_prob_gradient


def world(dimension: int = 2) -> Mixture:
    angles = torch.tensor([0.0, 2.0, 4.0])
    means = torch.zeros(3, dimension)
    means[:, 0], means[:, 1] = angles.cos(), angles.sin()
    return Mixture(means, 0.3 * torch.eye(dimension).expand(3, -1, -1), torch.tensor([1.0, 1.0, 2.0]), torch.arange(3)).float()


def drawn(mixture: Mixture, n: int, logsnr: float):
    g = torch.Generator().manual_seed(0)
    label = torch.arange(n) % 3
    x = mixture.sample(label, g).float()
    level = torch.full((n,), logsnr)
    return add_noise(x, torch.randn(x.shape, generator=g), level), level, label


@pytest.mark.parametrize("logsnr", [-3.0, 0.0, 3.0, 20.0])
def test_more_noise_makes_the_z_of_the_lower_lambda(logsnr):
    """x being fixed, mean and variance of z' must be those of z at lambda'."""
    x = torch.full((200_000, 1), 0.7)
    g = torch.Generator().manual_seed(0)
    level = torch.full((len(x),), logsnr)
    z = add_noise(x, torch.randn(x.shape, generator=g), level)
    at = renoise(z, level, torch.full_like(level, 1.0), torch.randn(x.shape, generator=g))
    assert at.logsnr[0] < min(logsnr, 1.0 + 1e-3)
    alpha, sigma = at.logsnr[0].sigmoid().sqrt(), (-at.logsnr[0]).sigmoid().sqrt()
    assert at.z.mean().item() == pytest.approx(0.7 * alpha.item(), abs=0.01)
    assert at.z.std().item() == pytest.approx(sigma.item(), rel=0.01)
    assert 0 < at.share.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("logsnr", [pytest.param(-2.0, marks=pytest.mark.slow), 1.0, 20.0])
def test_the_implicit_classifier_of_an_exact_denoiser_is_the_exact_one(logsnr):
    mixture = world()
    equal = Mixture(mixture.means, 0.3 * torch.eye(2).expand(3, -1, -1), torch.ones(3), torch.arange(3)).float()
    z, level, _ = drawn(mixture, 20, logsnr)
    truth = equal.class_logits(z, level).log_softmax(-1)
    kl = []
    for noises in (1, 32):  # the noise is the same for all z, and a draw of it is one number: five draws
        each = [Implicit(mixture, 3, (2,), levels=48, noises=noises, seed=seed)(z, level) for seed in range(5)]
        kl.append(sum((truth.exp() * (truth - found.log_softmax(-1))).sum(-1).mean().item() for found in each) / 5)
    assert kl[1] < 0.003 and kl[1] < kl[0] / 5, kl


@pytest.mark.slow  # its values: above
def test_its_gradient_guides_as_classifier_free_guidance_does():
    """grad log p(c|z) of the implicit classifier is the difference of scores, here the exact one."""
    mixture = world()
    equal = Mixture(mixture.means, 0.3 * torch.eye(2).expand(3, -1, -1), torch.ones(3), torch.arange(3)).float()
    z, level, label = drawn(mixture, 4, 1.0)
    implicit = Implicit(mixture, 3, (2,), levels=24, noises=48)
    exact = log_prob_gradient(equal.class_logits, z, level, label)
    found = log_prob_gradient(implicit, z, level, label)
    assert torch.cosine_similarity(found.flatten(), exact.flatten(), dim=0) > 0.98
    guided = METHODS["classifier"](w=1.0)(mixture, implicit)(z, level, label)
    plain = METHODS["classifier-free"](w=1.0)(
        equal,
    )(z, level, label)
    assert (guided.eps - plain.eps).abs().mean() < 0.2 * (plain.eps - mixture(z, level, label).eps).abs().mean()


def test_pruning_gives_the_label_of_all_rounds_for_fewer_evaluations():
    mixture = world()
    z, level, label = drawn(mixture, 150, 3.0)
    rounds = 96
    noise = torch.randn(rounds, 2, generator=torch.Generator().manual_seed(1))
    every = classify(mixture, z, level, 3, noise, z_score=math.inf)
    fewer = classify(mixture, z, level, 3, noise, z_score=3.0, min_rounds=8)
    assert (every.evaluations == 3 * rounds).all()
    assert fewer.evaluations.float().mean() < 0.7 * 3 * rounds
    assert (every.label == fewer.label).float().mean() > 0.97
    start, stop = span(level, -10.0, 10.0)
    gammas = [start + (at + 0.5) / rounds * (stop - start) for at in van_der_corput(rounds).tolist()]
    total = sum(errors(mixture, z, level, gamma, e.expand_as(z), range(3), -10.0) for gamma, e in zip(gammas, noise))
    assert (total.argmin(1) == every.label).all()
    bayes = (mixture.class_logits(z, level).argmax(1) == label).float().mean()
    assert (every.label == label).float().mean() > bayes - 0.1
    alone = classify(mixture, z[:1], level[:1], 3, noise, z_score=3.0, min_rounds=8)
    assert alone.label == fewer.label[0] and alone.evaluations == fewer.evaluations[0]


@pytest.mark.parametrize("low", [-20.0, -10.0])
def test_the_span_reaches_from_the_lowest_lambda_to_the_z_itself(low):
    logsnr = torch.tensor([-9.9, -4.0, 0.0, 4.0, 20.0, 60.0])
    start, stop = span(logsnr, low, 10.0)
    at = renoise(torch.zeros(6, 2), logsnr, start, torch.zeros(6, 2)).logsnr
    torch.testing.assert_close(at[1:], torch.full((5,), low), rtol=1e-3, atol=1e-2)
    assert (stop > start).all() and stop[-1] == 10.0
    near = renoise(torch.zeros(6, 2), logsnr, stop, torch.zeros(6, 2)).logsnr
    assert (near[1:3] > logsnr[1:3] - 0.01).all()


@pytest.mark.parametrize("rounds", [1, 5, 16, 96])
def test_every_beginning_of_the_rounds_covers_their_range(rounds):
    order = van_der_corput(rounds)
    assert sorted(order.tolist()) == list(range(rounds))
    if rounds >= 16:
        quarter = order[: rounds // 4].sort().values
        assert quarter.diff().max() <= 2 * 4 and quarter[0] < 4


def test_bounds_are_checked():
    with pytest.raises(ValueError, match="low must be below high"):
        Implicit(world(), 3, (2,), low=1.0, high=1.0)


CORNERS = torch.tensor([[0.9, 0.0], [-0.5, 0.8], [-0.5, -0.8]])


def joint() -> JointEnergy:
    class Plane(torch.nn.Module):
        def __init__(self):
            super().__init__()
            sizes, layers = (2, 64, 64, 3), torch.nn.ModuleList()
            for a, b in pairwise(sizes):
                layers += [torch.nn.SiLU(), torch.nn.Linear(a, b)]
            self.layers = torch.nn.Sequential(*layers[1:])

        def forward(self, x):
            return self.layers(x)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return JointEnergy(Plane(), (2,), chains=256)


@pytest.mark.slow
def test_a_joint_energy_model_learns_density_and_classes_at_once():
    """Three tight classes in the plane: the energy must be higher on data than between them, and the chains end at the data."""
    mixture = Mixture(
        torch.tensor([[0.9, 0.0], [-0.5, 0.8], [-0.5, -0.8]]),
        0.01 * torch.eye(2).expand(3, -1, -1),
        torch.ones(3),
        torch.arange(3),
    )
    energy = joint()
    optimiser = torch.optim.Adam(energy.parameters(), lr=2e-3)
    g = torch.Generator().manual_seed(0)
    for _ in range(400):
        label = torch.randint(3, (64,), generator=g)
        x = mixture.sample(label, g).float()
        optimiser.zero_grad()
        joint_loss(energy, x, label, g, steps=10, step=0.02, noise=0.05, blur=0.02, bound=0.01).mean().backward()
        optimiser.step()
    label = torch.arange(300) % 3
    x = mixture.sample(label, g).float()
    far = 2 * torch.rand(300, 2, generator=g) - 1
    with torch.no_grad():
        assert assess(energy(x), label)["accuracy"] > 0.95
        assert energy.log_density(x).mean() > energy.log_density(far).mean() + 1
    start = 2 * torch.rand(300, 2, generator=g) - 1
    made = langevin(energy, start, 200, g, label=label, step=0.02, noise=0.05)
    distance = (made[:, None] - mixture.means.float()).norm(dim=-1)
    assert (distance.argmin(1) == label).float().mean() > 0.9
    assert distance.min(1).values.mean() < 0.35 < (start[:, None] - mixture.means.float()).norm(dim=-1).min(1).values.mean() + 0.1


def test_chains_go_on_where_they_stopped_and_some_begin_anew():
    energy, g = joint(), torch.Generator().manual_seed(0)
    index, x = energy.take(64, g)
    energy.keep(index, torch.full_like(x, 0.25))
    assert (energy.replay[index] == 0.25 * 2**14).all() and not energy.replay.is_floating_point()
    energy.restart = 1.0
    assert (energy.take(200, g)[1] != 0.25).any(1).all()
    energy.restart = 0.0
    again, y = energy.take(200, g)
    assert ((y == 0.25).all(1) == torch.isin(again, index)).all()


def test_training_moves_the_chains_that_it_takes_up_and_no_others():
    energy, g = joint(), torch.Generator().manual_seed(0)
    energy.restart = 0.0
    before, state = energy.replay.clone(), g.get_state()
    x, label = torch.zeros(32, 2), torch.arange(32) % 3
    joint_loss(energy, x, label, g, steps=2, step=0.1, noise=0.05, blur=0.0, bound=0.01)
    g.set_state(state)
    torch.randn(x.shape, generator=g)  # the blur
    selected = torch.isin(torch.arange(256), energy.take(32, g)[0])
    assert torch.equal((energy.replay != before).any(1), selected)


def test_an_attack_stays_in_its_ball_and_hurts():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = HalfUNet(1, 10, 8, width=8, multipliers=(1,), attention=()).eval()
    g = torch.Generator().manual_seed(0)
    z, start = torch.randn(2, 16, 1, 8, 8, generator=g)
    logsnr = torch.linspace(-4, 6, 16)
    label = net(z, logsnr).argmax(-1)
    moved = attack(net, z, logsnr, label, radius=2.0, steps=5, start=start)
    moves = (moved - z).flatten(1).norm(dim=1) / logsnr.sigmoid().sqrt()
    assert (moves <= 2.0 + 1e-3).all() and moves.min() > 1.0, "in units of x"
    log_prob = lambda at: net(at, logsnr).log_softmax(-1).gather(1, label[:, None])  # noqa: E731
    assert (log_prob(moved) < log_prob(z)).all()
    assert robust_accuracy(net, z, logsnr, label, 50.0, 5, start) < 1.0
    assert robust_accuracy(net, z, logsnr, label, 1e-6, 2, start) == 1.0
    alone = attack(net, z[:1], logsnr[:1], label[:1], 2.0, 5, start[:1])
    torch.testing.assert_close(alone, moved[:1], rtol=1e-3, atol=1e-4)
