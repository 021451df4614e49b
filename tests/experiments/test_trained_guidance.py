"""Objectives whose network learns guidance: their optima on an exact world, their loss by hand, and what they refuse.

Given E[x | z, c] and E[eps | z, c] of an exact mixture as the data, z is what they make, and a loss is 0 at its minimiser alone:
what is left of it otherwise is the variance of the data about them.
"""

import copy
import math

import pytest
import torch
from learned import network
from torch import nn

from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.model_guidance import LOWEST, ModelGuidance
from experiments.worlds.digits import Digits
from guidance import Mixture
from guidance.diffusion import TARGETS, add_noise
from guidance.objective import target_of

N = 60
each_target = pytest.mark.parametrize("target", sorted(TARGETS))


class World:
    """Two overlapping classes in the plane."""

    classes, shape = 2, (2,)
    mixture = Mixture(
        torch.tensor([[0.6, 0.2], [-0.5, 0.0], [0.1, -0.9]], dtype=torch.float64),
        0.3 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2),
        torch.tensor([0.4, 0.3, 0.3]),
        torch.tensor([0, 1, 1]),
    )

    @classmethod
    def pred(cls, z, logsnr, label):
        """E[x | z, c] and E[eps | z, c], of the whole mixture where the label is the null one."""
        null = label == cls.classes
        cond, whole = cls.mixture(z, logsnr, label.clamp(max=1)), cls.mixture(z, logsnr, None)
        return (torch.where(null[:, None], b, a) for a, b in zip(cond[:2], whole[:2]))


class Field(nn.Module):
    """A network that says D_u + k (D_c - D_u), in its own target; k of the strength, or a number that can be learned."""

    conditioned_on = "logsnr"

    def __init__(self, target, k, conditioned):
        super().__init__()
        self.target = target
        self.k = k if callable(k) else nn.Parameter(torch.tensor(float(k), dtype=torch.float64))
        self.condition = nn.Module()
        self.condition.strength = nn.Identity() if conditioned else None

    def forward(self, z, logsnr, label, strength=None):
        cond, null = (
            target_of(self.target, *World.pred(z, logsnr, ids), logsnr) for ids in (label, torch.full_like(label, World.classes))
        )
        k = self.k(torch.zeros_like(logsnr) if strength is None else strength)[:, None] if callable(self.k) else self.k
        return null + k * (cond - null)


def rows(null=True):
    """x and eps as expected of each z, lambda and label (the null one of a third)."""
    g = torch.Generator().manual_seed(0)
    z, logsnr = torch.randn(N, 2, generator=g, dtype=torch.float64), torch.linspace(-6, 6, N, dtype=torch.float64)
    label = torch.arange(N) % (3 if null else 2)
    x, eps = World.pred(z, logsnr, label)
    torch.testing.assert_close(add_noise(x, eps, logsnr), z)
    return x, eps, logsnr, label


def drawn(low=0.05, high=0.95):
    return torch.linspace(low, high, N, dtype=torch.float64)[torch.randperm(N, generator=torch.Generator().manual_seed(1))]


@each_target
def test_the_optimum_of_guidance_free_training_is_plain_guidance_at_every_beta(target):
    objective, beta = GuidanceFree(target=target), drawn()
    network = Field(target, lambda s: 1 / (1 - s), True)
    assert objective.losses_of(network, World, *rows(), beta).max() < 1e-20
    for wrong in (lambda s: 1 + 0 * s, lambda s: 1 + s, lambda s: 1 / (1 - s) + 0.01):
        losses = objective.losses_of(Field(target, wrong, True), World, *rows(null=False), beta)
        assert losses.mean() > 1e-8, "another field has a larger loss"


@pytest.mark.parametrize("beta", [0.25, 0.5, 1.0])
def test_on_draws_of_the_data_the_best_scale_is_one_over_beta(beta):
    """The loss is a parabola in the scale: three of its values give the lowest point."""
    g = torch.Generator().manual_seed(3)
    label = torch.randint(2, (40_000,), generator=g)
    x = World.mixture.sample(label, g)
    eps, logsnr = torch.randn(x.shape, generator=g, dtype=torch.float64), torch.full((len(x),), 0.5, dtype=torch.float64)
    at = [
        GuidanceFree().losses_of(Field("eps", k, True), World, x, eps, logsnr, label, torch.full_like(logsnr, beta)).mean()
        for k in (0.0, 1.0, 2.0)
    ]
    best = (3 * at[0] - 4 * at[1] + at[2]) / (2 * (at[0] - 2 * at[1] + at[2]))
    assert best.item() == pytest.approx(1 / beta, rel=0.05)


@pytest.mark.parametrize(
    ("target", "w"),
    [
        pytest.param(target, w, marks=[] if i == j else pytest.mark.slow)  # each once, and not with each
        for i, target in enumerate(("eps", "v", "x"))
        for j, w in enumerate((0.2, 0.45, 0.8))
    ],
)
def test_the_fixed_point_of_model_guidance_of_one_scale_is_one_over_two_minus_it(target, w):
    """k <- the minimiser given k: it ends at 1 / (1 - w) = 1 / (2 - W) of W = 1 + w, and the loss is 0 there alone."""
    objective, data = ModelGuidance(target=target, w=w, logsnr_min=None), rows(null=False)
    unused = torch.zeros(2, N, dtype=torch.float64)
    network = Field(target, 1.0, False)
    loss = lambda: objective.losses_of(network, World, *data, *unused).mean()  # noqa: E731
    for step in range(200):
        k = network.k.item()
        (slope,) = torch.autograd.grad(loss(), network.k)
        network.k.data += 1e-3
        (above,) = torch.autograd.grad(loss(), network.k)  # of the target that k + 0.001 makes
        curvature = (above - slope) / 1e-3 / (1 - w)
        network.k.data.fill_(k - (slope / curvature).item())
        if step == 0:
            assert network.k.item() == pytest.approx(1 + w, rel=1e-6), "one step from the plain model is guidance of w"
    scale = 1 + w
    assert network.k.item() == pytest.approx(1 / (2 - scale), rel=1e-6)
    assert loss() < 1e-12
    network.k.data.fill_(1 + w)
    assert loss() > 1e-7


def test_below_its_lowest_lambda_model_guidance_is_the_plain_model():
    assert pytest.approx(2 * math.log((1 - 0.75) / 0.75)) == LOWEST
    data, unused = rows(null=False), torch.zeros(2, N, dtype=torch.float64)
    losses = {k: ModelGuidance(w=0.5).losses_of(Field("eps", k, False), World, *data, *unused) for k in (1.0, 2.0)}
    below = data[2] < LOWEST
    assert 5 < below.sum() < N - 5
    assert losses[1.0][below].max() < 1e-20 < 1e-7 < losses[2.0][below].mean()
    assert losses[2.0][~below].max() < 1e-20 < 1e-7 < losses[1.0][~below].mean()


@each_target
def test_the_optimum_over_a_range_of_w_is_plain_guidance_of_each(target):
    objective, uniform = ModelGuidance(target=target, w=3.0, share=0.6, logsnr_min=None), drawn()
    data, chosen = rows(), drawn(0, 1).flip(0)
    assert objective.losses_of(Field(target, lambda s: 1 + s, True), World, *data, chosen, uniform).max() < 1e-20
    for wrong in (lambda s: 1 + 0 * s, lambda s: 1 + 1.01 * s):
        losses = objective.losses_of(Field(target, wrong, True), World, *rows(null=False), chosen, uniform)
        guided = chosen < 0.6
        assert losses[~guided].max() < 1e-20 < 1e-9 < losses[guided].mean()


def test_below_its_lowest_lambda_the_optimum_of_every_w_is_the_plain_model():
    data, chosen, uniform = rows(null=False), torch.zeros(N, dtype=torch.float64), drawn()
    inside = data[2] >= LOWEST
    whole = lambda s: 1 + s  # noqa: E731
    windowed = lambda s: 1 + s * inside if len(s) == N else whole(s)  # noqa: E731  # fewer rows: of what is held fixed, at 0
    given = (World, *data, chosen, uniform)
    best, other = (ModelGuidance(w=3.0).losses_of(Field("eps", k, True), *given) for k in (windowed, whole))
    assert best.max() < 1e-20 < 1e-9 < other[~inside].mean() and other[inside].max() < 1e-20


def gradients(module, losses):
    module.zero_grad()
    losses.mean().backward()
    return torch.cat([weight.grad.flatten() for weight in module.parameters() if weight.grad is not None])


def test_the_loss_of_guidance_free_training_by_hand():
    """Of the sum's two parts only the first is learned; a row without a label has beta = 1 as its condition, not in the sum."""
    module, (x, eps, logsnr, label), beta = network(strength=True)
    found = GuidanceFree().losses_of(module, Digits(), x, eps, logsnr, label, beta)
    z, null = add_noise(x, eps, logsnr), torch.full_like(label, 10)
    condition = torch.tensor([0.0 if c == 10 else 1 - b for c, b in zip(label.tolist(), beta.tolist())])
    share = beta[:, None, None, None]
    mixed = share * module(z, logsnr, label, strength=condition) + (1 - share) * module(z, logsnr, null).detach()
    wanted = (mixed - eps).square().mean((1, 2, 3))
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(gradients(module, found), gradients(module, wanted))


@pytest.mark.parametrize("averaged", [True, False])
def test_the_loss_of_model_guidance_by_hand_its_target_of_the_average_of_weights(averaged):
    module, (x, eps, logsnr, label), uniform = network(strength=True)
    other = copy.deepcopy(module)
    for weight in other.parameters():
        weight.data *= 0.9
    objective = ModelGuidance(w=2.0, share=0.5, average=averaged)
    objective.keep_average(module, other.state_dict())
    chosen = torch.arange(12) % 2 * 0.9  # every second row is of no strength
    found = objective.losses_of(module, Digits(), x, eps, logsnr, label, chosen, uniform)
    z, null = add_noise(x, eps, logsnr), torch.full_like(label, 10)
    strength = 2 * uniform * (chosen == 0) * (label != 10)
    fixed = other if averaged else module
    shift = (strength * (logsnr >= LOWEST))[:, None, None, None] * (fixed(z, logsnr, label) - fixed(z, logsnr, null))
    wanted = (module(z, logsnr, label, strength=strength) - eps - shift.detach()).square().mean((1, 2, 3))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients(module, found), gradients(module, wanted), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("objective", [GuidanceFree(), ModelGuidance(w=2.0, share=1.0, average=False)], ids=lambda one: one.name)
def test_what_is_held_fixed_is_evaluated_without_dropout_and_leaves_no_trace(objective):
    module, (x, eps, logsnr, label), uniform = network(strength=True, dropout=0.5)
    calls, given = [], (x, eps, logsnr, label, uniform, uniform)[: 5 if objective.name == "guidance-free" else 6]
    module.register_forward_pre_hook(lambda module, inputs: calls.append((module.training, torch.is_grad_enabled())))
    objective.losses_of(module.train(), Digits(), *given)
    assert sorted(set(calls)) == [(False, False), (True, True)] and calls.count((True, True)) == 1 and module.training


@pytest.mark.parametrize("objective", [GuidanceFree(), ModelGuidance(w=2.0, share=1.0, average=False)], ids=lambda one: one.name)
def test_under_autocast_every_weight_that_learns_still_learns(objective):
    """Weights that autocast cast where nothing is learned would be reused where it is, and have no gradient."""
    module, (x, eps, logsnr, label), uniform = network(strength=True)
    given = (x, eps, logsnr, label, uniform, uniform)[: 5 if objective.name == "guidance-free" else 6]
    plain = gradients(module, objective.losses_of(module, Digits(), *given))
    with torch.autocast("cpu", torch.bfloat16):
        losses = objective.losses_of(module, Digits(), *given)
    half = gradients(module, losses)
    assert half.shape == plain.shape and torch.cosine_similarity(half, plain, 0) > 0.98


def test_labels_are_dropped_and_strengths_drawn_as_they_are_said_to_be():
    class Images:
        x, label, flip = torch.zeros(20, 1, 8, 8), torch.arange(20) % 10, False

    g = lambda: torch.Generator().manual_seed(2)  # noqa: E731
    *_, label, beta = GuidanceFree(p_uncond=0.3, min_beta=0.2).draw(Images, Digits(), 20_000, g())
    assert (label == 10).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert beta.min() >= 0.2 and beta.max() <= 1 and beta.mean().item() == pytest.approx(0.6, abs=0.01)
    *_, label, chosen, uniform = ModelGuidance(p_uncond=0.3).draw(Images, Digits(), 20_000, g())
    assert abs(torch.corrcoef(torch.stack([chosen, uniform, (label == 10).float()])) - torch.eye(3)).max() < 0.03
