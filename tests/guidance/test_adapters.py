"""The exact mixture, wrapped as networks of other conventions are, is the same Denoiser again; and nothing is guessed."""

import math

import pytest
import torch
from torch import nn
from worlds import mixture, networks

from guidance import CHAINS, METHODS, SAMPLERS, Chain, Mixture, NetworkDenoiser, adapters, alpha_sigma, sample
from guidance.diffusion import v_of
from guidance.grids import Strided
from guidance.schedules import CosineLogSNR

WORLD, CLASSES = mixture(), 3
LEVELS = torch.linspace(-9, 8, 60, dtype=torch.float64)
LABEL = torch.arange(60) % 4  # 3 is the null label


def scaled(low: float, high: float) -> Mixture:
    """The mixture whose x are those of WORLD, mapped from [-1, 1] to [low, high]."""
    scale, shift = (high - low) / 2, (high + low) / 2
    covariances = torch.einsum("kde,ke,kfe->kdf", WORLD.bases, WORLD.variances, WORLD.bases)
    return Mixture(scale * WORLD.means + shift, scale**2 * covariances, WORLD.log_weights.exp(), WORLD.labels)


class Theirs(nn.Module):
    """The oracle of data in `data_range`, as a network of a process z = a x + s eps: of (z, its second argument, label)."""

    def __init__(self, data_range, of_condition, predicts):
        super().__init__()
        self.world, self.of_condition, self.predicts = scaled(*data_range), of_condition, predicts
        self.seen = []

    def forward(self, z, condition, label):
        self.seen.append(condition)
        a, s = (value.double()[:, None] for value in self.of_condition(condition))
        logsnr = 2 * (a.log() - s.log())[:, 0]
        alpha, _ = alpha_sigma(logsnr, z)
        preds = [self.world(alpha / a * z, logsnr, each) for each in (label.clamp(max=CLASSES - 1), None)]
        x, eps = (torch.where((label == CLASSES)[:, None], getattr(preds[1], n), getattr(preds[0], n)) for n in ("x", "eps"))
        velocity = eps - x
        said = {"x": x, "eps": eps, "v": v_of(x, eps, logsnr), "velocity": velocity, "reverse velocity": -velocity}
        return said[self.predicts]


CHAIN = CHAINS["linear"](1000)


def of_whole_t(t):
    assert t.dtype == torch.long
    return CHAIN.logsnrs[t].sigmoid().sqrt(), (-CHAIN.logsnrs[t]).sigmoid().sqrt()


def of_any_t(t):
    logsnr = CHAIN.logsnr(t)
    return logsnr.sigmoid().sqrt(), (-logsnr).sigmoid().sqrt()


def whole_levels(data_range=(-1.0, 1.0)):
    scale = (data_range[1] - data_range[0]) / 2
    return CHAIN.logsnrs[torch.linspace(5, 994, 60).long()].flip(0) + 2 * math.log(scale)


RANGES = [(-1.0, 1.0), (0.0, 1.0), (-0.5, 2.5)]
CASES = [
    *(("chain", {"betas": CHAIN.betas, "predicts": p}, of_whole_t, p) for p in ("eps", "x", "v")),
    ("chain", {"betas": CHAIN, "predicts": "eps", "whole": False}, of_any_t, "eps"),
    *(("sigma", {"predicts": p}, lambda sigma: (torch.ones_like(sigma), sigma), p) for p in ("x", "eps")),
    *(("flow", {"predicts": p}, lambda t: (1 - t, t), p) for p in ("velocity", "x", "eps")),
    ("flow", {"predicts": "velocity", "data_at": 1}, lambda t: (t, 1 - t), "reverse velocity"),
    ("flow", {"predicts": "x", "data_at": 1}, lambda t: (t, 1 - t), "x"),
]


@pytest.mark.parametrize("data_range", RANGES)
@pytest.mark.parametrize(("name", "options", "of_condition", "predicts"), CASES)
def test_the_oracle_in_any_convention_is_the_oracle(name, options, of_condition, predicts, data_range):
    levels = whole_levels(data_range) if name == "chain" else LEVELS
    network = Theirs(data_range, of_condition, predicts)
    model = NetworkDenoiser(getattr(adapters, name)(network, data_range=data_range, **options), CLASSES)
    z = torch.randn(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for label in (LABEL % CLASSES, None):
        found, wanted = model(z, levels, label), WORLD(z, levels, label)
        torch.testing.assert_close(found.eps, wanted.eps, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found.x, wanted.x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "condition"), [("sigma", [1.0, 0.5]), ("flow", [0.5, 1 / 3]), ("logsnr", [0.0, 1.3863])])
def test_what_the_network_is_given_second(name, condition):
    seen = []

    def network(z, second, label):
        seen.append(second)
        return z

    logsnr = torch.tensor([0.0, 1.3862943611])
    NetworkDenoiser(getattr(adapters, name)(network), 3)(torch.zeros(2, 2), logsnr, torch.tensor([0, 1]))
    torch.testing.assert_close(seen[0], torch.tensor(condition), rtol=1e-4, atol=1e-6)


def test_float32_is_as_good_as_float32():
    theirs = Theirs((-1.0, 1.0), lambda sigma: (torch.ones_like(sigma), sigma), "x")
    z, logsnr = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)), LEVELS.float()
    found = NetworkDenoiser(adapters.sigma(theirs), CLASSES)(z, logsnr, LABEL % CLASSES)
    torch.testing.assert_close(found.x.double(), WORLD(z.double(), logsnr.double(), LABEL % CLASSES).x, rtol=1e-4, atol=1e-4)


def test_samples_through_a_chain_of_whole_t_are_those_of_the_oracle():
    grid = Strided()(CosineLogSNR(-9.0, 8.0), 12)
    theirs = Theirs((-1.0, 1.0), of_whole_t, "eps")
    model = NetworkDenoiser(adapters.chain(theirs, CHAIN), CLASSES)
    guided = [METHODS["cfg"](w=1.0)(one) for one in (model, WORLD)]
    ours, wanted = (sample(one, SAMPLERS["ddim"](), grid, LABEL[:9] % 3, (2,), 0) for one in guided)
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4)
    assert all((t == t[0]).all() for t in theirs.seen) and len({t[0].item() for t in theirs.seen}) == 12


def test_a_lambda_between_two_whole_t_or_off_the_chain_is_refused():
    model = NetworkDenoiser(adapters.chain(lambda z, t, label: z, CHAIN), 3)
    between = CHAIN.logsnrs[400:402].mean().expand(2)
    with pytest.raises(ValueError, match=r"0.5 of a step off the chain's whole t: take a strided grid, or chain\(whole=False\)"):
        model(torch.zeros(2, 2), between, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="logsnr must lie between -10"):
        model(torch.zeros(2, 2), torch.full((2,), -15.0), torch.tensor([0, 1]))


def test_a_learned_variance_goes_through():
    model = NetworkDenoiser(adapters.chain(lambda z, t, label: torch.cat([z, z], 1), CHAIN, whole=False), 3)
    found = model(torch.zeros(2, 2), torch.zeros(2), torch.tensor([0, 1]))
    torch.testing.assert_close(found.variance_fraction, torch.full((2, 2), 0.5))


class Foreign(nn.Module):
    def forward(self, x, t, y):
        return x


@pytest.mark.parametrize("network", [Foreign(), lambda x, t, y: x])
def test_a_network_that_does_not_say_what_it_takes_is_refused_with_the_adapters(network):
    with pytest.raises(TypeError, match=r"say what the second argument .* logsnr, chain \(t .*\), sigma and flow"):
        NetworkDenoiser(network, 10)


def test_one_that_says_something_else_is_refused_too():
    class OfT(Foreign):
        conditioned_on = "t"

    for wrap in (lambda network: NetworkDenoiser(network, 10), adapters.logsnr):
        with pytest.raises(TypeError, match=r"second argument|declares conditioned_on = 't'"):
            wrap(OfT())
    with pytest.raises(TypeError, match="network must be an nn.Module or a function, not forward"):
        adapters.logsnr(Foreign().forward)


def test_logsnr_is_the_network_itself_and_ours_need_no_adapter():
    network = Foreign()
    assert adapters.logsnr(network) is network and NetworkDenoiser(network, 10).target == "eps"
    model, _ = networks()
    assert adapters.logsnr(model.network) is model.network


def test_the_parameters_of_an_adapted_network_are_its_own():
    assert list(adapters.flow(nn.Linear(2, 2)).state_dict()) == ["network.weight", "network.bias"]


def test_a_target_that_is_not_the_adapters_is_refused():
    assert NetworkDenoiser(adapters.sigma(Foreign()), 3).target == "x"
    assert NetworkDenoiser(adapters.flow(Foreign()), 3, "v").target == "v"
    with pytest.raises(ValueError, match="target must be 'x', as the network's adapter says, or left out, not 'eps'"):
        NetworkDenoiser(adapters.sigma(Foreign()), 3, "eps")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: adapters.sigma(Foreign(), predicts="v"), "predicts must be x or eps, not 'v'"),
        (lambda: adapters.flow(Foreign(), predicts="v"), "predicts must be velocity, x or eps, not 'v'"),
        (lambda: adapters.chain(Foreign(), CHAIN, predicts="score"), "predicts must be eps, x or v, not 'score'"),
        (lambda: adapters.flow(Foreign(), data_at=2), "data_at must be 0 or 1"),
        (lambda: adapters.sigma(Foreign(), data_range=(1.0, 1.0)), "data_range must be the ends"),
        (lambda: adapters.chain(Foreign(), torch.tensor([0.1])), "betas must be two or more"),
    ],
)
def test_an_option_that_is_none_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()
    assert isinstance(CHAIN, Chain)
