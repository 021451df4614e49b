"""The variance that is learned is the one that minimises the bound; importance sampling stays unbiased and resumes."""

import math

import pytest
import torch
from torch import nn

from guidance import CosineLogSNR, Mixture, NetworkDenoiser, adapters
from guidance.backbones.unet import UNet
from guidance.bound import variational_bound
from guidance.learned_variance import BOUND_SHARE, HISTORY, ImportanceSampler, learned_variance_loss

GRID = CosineLogSNR(-6.0, 6.0).grid(6)  # few, large steps: the best variance is neither of the two
VARIANCE = 0.25


class KnownMean(nn.Module):
    """The exact eps of a Gaussian times a learned factor, and one learned variance value a level."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))
        self.value = nn.Parameter(torch.zeros(len(GRID)))
        one = torch.ones(1)
        self.world = Mixture(0 * one[None, :], VARIANCE * one[None, None], one, torch.tensor([0]))

    def forward(self, z, logsnr, label):
        eps = self.world(z, logsnr, None).eps
        level = (GRID.to(logsnr)[None] - logsnr[:, None]).abs().argmin(1)
        return torch.cat([self.factor * eps, self.value[level][:, None].expand_as(z)], 1)


def batch(n: int, g: torch.Generator):
    x, eps = torch.randn(2, n, 1, generator=g)
    return math.sqrt(VARIANCE) * x, eps, torch.zeros(n, dtype=torch.long)


@pytest.mark.parametrize("hybrid", [True, False])
def test_the_variance_that_is_learned_is_that_of_the_exact_reverse_step(hybrid):
    """For Gaussian data p(z'|z) is Gaussian, and its variance is the best: gain^2 Var[x|z] more than q(z'|z, x)'s."""
    network, g = KnownMean(), torch.Generator().manual_seed(0)
    network.factor.requires_grad_(False)
    optimiser = torch.optim.Adam([network.value], lr=0.05)
    for _ in range(600):
        x, eps, label = batch(512, g)
        index = torch.randint(len(GRID) - 1, (512,), generator=g)
        loss = learned_variance_loss(network, x, eps, label, GRID, index, hybrid=hybrid).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    a2, b2 = GRID[:-1].sigmoid(), GRID[1:].sigmoid()
    s2, t2, fresh = 1 - a2, 1 - b2, -torch.expm1(GRID[:-1] - GRID[1:])
    posterior = VARIANCE * s2 / (a2 * VARIANCE + s2)  # Var[x | z]
    best = (fresh * t2 + fresh**2 * b2 * posterior).log()
    wanted = (best - (fresh * t2).log()) / ((fresh * s2).log() - (fresh * t2).log())
    found = (network.value.detach()[:-1].double() + 1) / 2
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.05)


def test_in_the_hybrid_the_bound_teaches_the_variance_alone_and_the_simple_loss_the_mean_alone():
    x, eps, label = batch(64, torch.Generator().manual_seed(1))
    index = torch.arange(64) % (len(GRID) - 1)

    def gradients(hybrid: bool) -> tuple[float, torch.Tensor]:
        network = KnownMean()
        network.factor.data.fill_(0.7)
        learned_variance_loss(network, x, eps, label, GRID, index, hybrid=hybrid).mean().backward()
        return network.factor.grad.item(), network.value.grad

    simple, network = KnownMean(), KnownMean()
    simple.factor.data.fill_(0.7)
    logsnr = GRID.float()[index]
    z = logsnr.sigmoid().sqrt()[:, None] * x + (-logsnr).sigmoid().sqrt()[:, None] * eps
    (simple(z, logsnr, label)[:, :1] - eps).square().mean().backward()
    (mean, variance), (bound_mean, bound_variance) = gradients(True), gradients(False)
    assert mean == pytest.approx(simple.factor.grad.item(), rel=1e-4)
    torch.testing.assert_close(variance, BOUND_SHARE * bound_variance)
    assert abs(bound_mean) > 1e-3 and network.factor.grad is None


def test_the_last_term_is_the_reconstruction():
    x, eps, label = batch(8, torch.Generator().manual_seed(1))
    last = torch.full((8,), len(GRID) - 1)
    found = learned_variance_loss(KnownMean(), x, eps, label, GRID, last, hybrid=False)
    logsnr = GRID[-1].item()
    a2 = 1 / (1 + math.exp(-logsnr))
    z = math.sqrt(a2) * x + math.sqrt(1 - a2) * eps
    pred = math.sqrt(a2) * VARIANCE / (a2 * VARIANCE + 1 - a2) * z
    wanted = -torch.distributions.Normal(pred, math.exp(-logsnr / 2)).log_prob(x)[:, 0] * len(GRID)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_unet_says_its_variance_and_learns_it():
    net = UNet(1, 3, width=8, learns_variance=True)
    x, eps = torch.randn(2, 4, 1, 8, 8)
    loss = learned_variance_loss(net, x, eps, torch.tensor([0, 1, 2, 3]), CosineLogSNR().grid(20), torch.tensor([0, 7, 15, 19]))
    loss.mean().backward()
    assert loss.isfinite().all() and net.leave[-1].weight.grad[1].abs().sum() > 0


@pytest.mark.parametrize("target", ["eps", "x", "v"])
@pytest.mark.parametrize("index", [0, 1, 998, 999])
def test_no_term_spoils_a_gradient_where_a_network_starts(target, index):
    """Grey levels, float32, the paper's grid: the price of the last term, far from it, has no part in the others' gradient."""
    g = torch.Generator().manual_seed(0)
    net = UNet(1, 3, width=8, learns_variance=True)
    x, eps = torch.randint(256, (64, 1, 8, 8), generator=g) / 127.5 - 1, torch.randn(64, 1, 8, 8, generator=g)
    label, term = torch.zeros(64, dtype=torch.long), torch.full((64,), index)
    learned_variance_loss(net, x, eps, label, CosineLogSNR().grid(1000), term, target, False, 2 / 255).mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("bin_width", [None, 0.25])
def test_the_mean_of_the_terms_is_the_bound(bin_width):
    network, g = KnownMean(), torch.Generator().manual_seed(3)
    network.value.data.uniform_(-1, 1, generator=g)
    x, _, label = batch(16, g)
    noise = torch.randn(len(GRID), 16, 1, generator=g)
    turn = iter(noise)
    bound = variational_bound(NetworkDenoiser(adapters.logsnr(network), 0), x, None, GRID, lambda: next(turn), None, bin_width)
    with torch.no_grad():
        terms = [
            learned_variance_loss(network, x, eps, label, GRID, torch.full((16,), i), "eps", False, bin_width)
            for i, eps in enumerate(noise)
        ]
    torch.testing.assert_close(torch.stack(terms).mean(0), bound.steps + bound.reconstruction, rtol=1e-4, atol=1e-4)


def test_a_history_of_zeros_leaves_the_terms_uniform():
    sampler = ImportanceSampler(4)
    for _ in range(HISTORY):
        sampler.update(torch.arange(4), torch.zeros(4))
    assert sampler.probabilities().tolist() == [0.25] * 4


def test_terms_are_drawn_uniformly_until_each_has_its_history_and_then_by_their_losses():
    sampler = ImportanceSampler(4)
    index, weight = sampler(torch.tensor([0.0, 0.3, 0.6, 0.9]))
    assert index.tolist() == [0, 1, 2, 3] and weight.tolist() == pytest.approx([1] * 4)
    size = torch.tensor([1.0, 2.0, 3.0, 2.0])
    for turn in range(HISTORY + 3):
        assert (sampler.probabilities() == 0.25).all() == (turn < HISTORY)
        sampler.update(torch.arange(4), size)
    torch.testing.assert_close(sampler.probabilities(), size / 8)


def test_the_weights_keep_the_mean_unbiased_and_lower_its_variance():
    sampler, size = ImportanceSampler(5), torch.tensor([0.1, 5.0, 1.0, 0.3, 20.0])
    for _ in range(HISTORY):
        sampler.update(torch.arange(5), size)
    index, weight = sampler((torch.arange(100_000) + 0.5) / 100_000)
    assert (weight * size[index]).mean().item() == pytest.approx(size.mean().item(), rel=1e-3)
    assert (weight * size[index]).std() < 0.01 * size.std()


def test_the_history_is_saved_and_found_again():
    sampler, again = ImportanceSampler(3), ImportanceSampler(3)
    sampler.update(torch.tensor([0, 0, 2]), torch.tensor([1.0, 2.0, 3.0]))
    again.load_state_dict(sampler.state_dict())
    assert torch.equal(again.losses, sampler.losses) and again.seen.tolist() == [2, 0, 1]


@pytest.mark.parametrize("index", [-1, 6])
def test_a_term_that_is_none_is_named(index):
    x, eps, label = batch(1, torch.Generator())
    with pytest.raises(ValueError, match="index must lie in 0..5"):
        learned_variance_loss(KnownMean(), x, eps, label, GRID, torch.tensor([index]))
    with pytest.raises(ValueError, match="terms"):
        ImportanceSampler(1)
